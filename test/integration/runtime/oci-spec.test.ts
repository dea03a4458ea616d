import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as v from 'valibot';
import { silentLogger } from '#base/logger';
import { buildSpec, type SpecInput } from '#runtime/oci-spec/build-spec';
import { grantedCapabilities } from '#runtime/oci-spec/capabilities';
import { fitHostConfig } from '#runtime/oci-spec/fit-host-config';
import { type HostFacts, readHostFacts } from '#runtime/oci-spec/host-facts';
import { SeccompFilters } from '#runtime/oci-spec/seccomp-filters';
import { parseSecurityOptions } from '#runtime/oci-spec/security-options';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import { ensureWorkingDirectory } from '#runtime/oci-spec/working-directory';
import { ContainerConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import { cgroupDirectories } from '#sys/cgroup';
import { killCgroup, removeCgroup } from '#sys/cgroup-control';
import { createNetns, removeNetns } from '#sys/netns';
import { loadSeccompCompiler } from '#sys/seccomp';
import { runProgram } from '../../support/programs.ts';

const BUSYBOX = '/bin/busybox';
const PERL = '/usr/bin/perl';
const RUNTIMES = { crun: '/usr/bin/crun', runc: '/usr/sbin/runc' };
const APPLETS = [
  'sh',
  'cat',
  'grep',
  'id',
  'mount',
  'ls',
  'touch',
  'wc',
  'mknod',
  'readlink',
  'env',
  'df',
  'stat',
];
const CGROUP_PARENT = `/quai-spec-test-${process.pid}`;

let folder = '';
let rootfs = '';
let host: HostFacts;
let filters: SeccompFilters;
let counter = 0;

before(() => {
  if (whyNot('crun') !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'quai-spec-'));
  rootfs = join(folder, 'rootfs');
  for (const name of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp'])
    mkdirSync(join(rootfs, name), { recursive: true });
  cpSync(BUSYBOX, join(rootfs, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', applet));
  writeFileSync(
    join(rootfs, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n',
  );
  writeFileSync(join(rootfs, 'etc/group'), 'web:x:1000:\naudio:x:29:web\n');
  createNetns(join(folder, 'netns'));
  host = readHostFacts();
  filters = new SeccompFilters({
    compiler: loadSeccompCompiler(),
    cacheDir: join(folder, 'cache'),
    host,
    logger: silentLogger,
  });
});

after(async () => {
  if (folder === '') return;
  removeNetns(join(folder, 'netns'));
  rmSync(folder, { recursive: true });
  await killCgroup(host.cgroups, CGROUP_PARENT);
  await removeCgroup(host.cgroups, CGROUP_PARENT);
  assert.deepEqual(cgroupDirectories(host.cgroups, CGROUP_PARENT).filter(existsSync), []);
});

for (const runtime of ['crun', 'runc'] as const) {
  const skip = whyNot(runtime);

  test(`${runtime}: a plain container is confined as with Docker`, { skip }, async () => {
    const output = await run(
      runtime,
      'grep -E "^(Cap|Seccomp:|NoNew)" /proc/self/status; cat /proc/self/oom_score_adj',
    );
    assert.match(output, /CapBnd:\t00000000a80425fb\n/);
    assert.match(output, /CapEff:\t00000000a80425fb\n/);
    assert.match(output, /NoNewPrivs:\t0\nSeccomp:\t2\n0\n$/);
  });

  test(`${runtime}: masked paths are empty and read-only ones cannot be written`, { skip }, async () => {
    const script = `
      for path in ${host.maskedPaths.join(' ')}; do
        test -e $path || continue
        test -d $path && ls $path | wc -l || cat $path 2>/dev/null | wc -c
      done
      for path in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper; do
        echo x 2>/dev/null >> $path && echo "$path was written"
      done
      for group in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
        test -e $group || continue
        echo 1 2>/dev/null >> $group && echo "$group was written"
      done
      true`;
    const counts = (await run(runtime, script)).trim().split('\n');
    assert.ok(counts.length >= 3);
    assert.deepEqual(
      counts.filter(count => count !== '0'),
      [],
    );
  });

  test(`${runtime}: a user, its groups and a working directory`, { skip }, async () => {
    const config = { User: 'web', WorkingDir: '/made/here', Env: ['A=b', 'USER'] };
    const output = await run(
      runtime,
      'id; pwd; env | grep -E "^(A|HOME|USER)="; grep CapEff /proc/self/status',
      config,
    );
    assert.match(output, /^uid=1000\(web\) gid=1000\(web\) groups=29\(audio\),1000\(web\)\n\/made\/here\n/);
    assert.match(output, /^A=b$/m);
    assert.match(output, /^HOME=\/home\/web$/m);
    assert.doesNotMatch(output, /^USER=/m);
    assert.match(output, /CapEff:\t0000000000000000\n$/);
  });

  test(`${runtime}: a privileged container sees the host's devices and may do everything the engine may`, {
    skip,
  }, async () => {
    const script = `grep -E "^(CapEff|Seccomp:)" /proc/self/status; mount | grep -E " on /sys(/fs/cgroup/?[a-z]*)? type (sysfs|cgroup)" | grep -c "(ro,"; ls /dev | wc -l`;
    const [capabilities = '', seccomp, readOnly, devices] = (
      await run(runtime, script, {}, { Privileged: true })
    )
      .trim()
      .split('\n');
    assert.equal(
      BigInt(`0x${capabilities.split('\t')[1]}`)
        .toString(2)
        .replaceAll('0', '').length,
      host.capabilities.length,
    );
    assert.equal(seccomp, 'Seccomp:\t0');
    assert.equal(readOnly, '0');
    assert.ok(Number(devices) > 15, `${devices} devices`);
  });

  test(`${runtime}: limits, tmpfs, shared memory, a read-only root`, { skip }, async () => {
    const output = await run(
      runtime,
      'ulimit -n; df -k /x /dev/shm | grep -oE "[0-9]+ .*%.*" ; touch /file 2>&1; touch /x/file && cat /proc/self/oom_score_adj; grep NoNew /proc/self/status',
      {},
      {
        Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }],
        Tmpfs: { '/x': 'size=1m,mode=700' },
        ShmSize: 2 * 1024 * 1024,
        ReadonlyRootfs: true,
        OomScoreAdj: 500,
        SecurityOpt: ['no-new-privileges'],
        Memory: 64 * 1024 * 1024,
        PidsLimit: 50,
      },
    );
    assert.match(output, /^100\n/);
    assert.match(output, /1024 .* \/x\n/);
    assert.match(output, /2048 .* \/dev\/shm\n/);
    assert.match(output, /Read-only file system/);
    assert.match(output, /\n500\nNoNewPrivs:\t1\n$/);
  });

  test(`${runtime}: settings of the container's own network`, { skip }, async () => {
    const script =
      'cat /proc/sys/net/ipv4/ping_group_range /proc/sys/net/core/somaxconn /proc/sys/kernel/domainname';
    const sysctls = { Sysctls: { 'net.core.somaxconn': '77' } };
    const network = { namespaces: { network: join(folder, 'netns') } };
    const output = await run(runtime, script, { Domainname: 'example.org' }, sysctls, network);
    assert.equal(output, '0\t2147483647\n77\nexample.org\n');
  });

  test(`${runtime}: a device is there and may be used as asked`, { skip: skip || noFuse() }, async () => {
    const mapping = { PathOnHost: '/dev/fuse', PathInContainer: '/dev/x', CgroupPermissions: 'r' };
    const script =
      'ls -l /dev/x; (exec 3</dev/x) && echo read; (exec 4>/dev/x) 2>/dev/null && echo written; true';
    assert.match(await run(runtime, script, {}, { Devices: [mapping] }), /^c.* 10, 229 .*\nread\n$/);
    const made = await run(runtime, 'mknod /dev/x c 10 229; (exec 3</dev/x) && echo read; true');
    assert.doesNotMatch(made, /read/);
  });

  test(`${runtime}: a read-only bind covers what is mounted below it`, {
    skip: skip || noRecursive(runtime),
  }, async () => {
    const mount = {
      type: 'bind',
      source: '/sys/fs',
      destination: '/b',
      isWritable: false,
      propagation: '',
    } as const;
    const output = await run(
      runtime,
      'grep -E " /b(/[^ ]*)? " /proc/self/mountinfo',
      {},
      {},
      { mounts: [mount] },
    );
    const options = output
      .trim()
      .split('\n')
      .map(line => line.split(' ')[5] ?? '');
    assert.ok(options.length > 1, 'nothing is mounted below');
    assert.deepEqual(
      options.filter(option => !option.startsWith('ro')),
      [],
    );
  });

  test(`${runtime}: an init runs the command`, { skip }, async () => {
    const init = { initPath: BUSYBOX };
    // Any program serves: busybox called docker-init has no such applet, and says so.
    const output = await run(runtime, 'true', {}, {}, init, 127);
    assert.match(output, /docker-init: applet not found/);
  });
}

test('the default filter is the kernel’s word: sockets, new calls, name spaces', {
  skip: whyNot('crun') || !existsSync(PERL),
}, async () => {
  const script = `
    for my $family (1, 2, 16, 38, 40, 38 | 1 << 32, 40 | 1 << 32) {
      $! = 0; my $fd = syscall(41, $family, 3, 0); print "$family ", $fd >= 0 ? 'ok' : $!, "\\n";
    }
    for my $call (452, 462, 467, 165, 272) { $! = 0; syscall($call, -1, 0x10000000, 0, 0, 0); print "call $call $!\\n"; }`;
  const binds = ['/usr', '/lib', '/lib64'].map(
    path => ({ type: 'bind', source: path, destination: path, isWritable: false, propagation: '' }) as const,
  );
  const output = await run('crun', '', {}, {}, { mounts: binds, path: PERL, args: ['-e', script] });
  assert.equal(
    output,
    [
      '1 ok',
      '2 Protocol not supported', // a raw socket without a protocol: the filter let it through
      '16 ok',
      '38 Operation not permitted',
      '40 Operation not permitted',
      '4294967334 Operation not permitted',
      '4294967336 Operation not permitted',
      'call 452 Bad address',
      'call 462 Invalid argument',
      'call 467 Function not implemented',
      'call 165 Operation not permitted',
      'call 272 Operation not permitted', // unshare takes CAP_SYS_ADMIN, as in Docker's profile
      '',
    ].join('\n'),
  );
});

/** Runs a shell script in a container and returns all it says. */
async function run(
  runtime: keyof typeof RUNTIMES,
  script: string,
  settings: object = {},
  hostSettings: object = {},
  changes: Partial<SpecInput> = {},
  expectedCode = 0,
): Promise<string> {
  const id = `quai-spec-${process.pid}-${(counter += 1)}`;
  const bundle = join(folder, id);
  mkdirSync(bundle);
  const spec = await makeSpec(runtime, id, {
    settings,
    hostSettings,
    changes: { path: '/bin/sh', args: ['-c', script], ...changes },
  });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const program = RUNTIMES[runtime];
  const { code, stdout, stderr } = await runProgram(program, [
    '--root',
    join(folder, runtime),
    'run',
    '--bundle',
    bundle,
    id,
  ]);
  assert.equal(code, expectedCode, stdout + stderr);
  return stdout + stderr;
}

async function makeSpec(
  runtime: string,
  id: string,
  parts: { readonly settings: object; readonly hostSettings: object; readonly changes: Partial<SpecInput> },
) {
  const isolated = parts.changes.namespaces?.network !== undefined;
  const network = { NetworkMode: isolated ? 'none' : 'host' };
  const config = v.parse(ContainerConfig, parts.settings);
  const { hostConfig } = fitHostConfig(v.parse(HostConfig, { ...network, ...parts.hostSettings }), host);
  ensureWorkingDirectory(rootfs, config.WorkingDir);
  return buildSpec({
    id,
    config,
    hostConfig,
    host,
    path: '',
    args: [],
    hostname: 'web',
    rootfsPath: rootfs,
    mounts: [],
    files: {},
    namespaces: {},
    user: lookUpUser(rootfs, config.User, hostConfig.GroupAdd),
    cgroupsPath: `${CGROUP_PARENT}/${id}`,
    seccomp: await filters.setting({
      seccomp: parseSecurityOptions(hostConfig.SecurityOpt).seccomp,
      isPrivileged: hostConfig.Privileged,
      capabilities: grantedCapabilities(hostConfig, host.capabilities),
      takesProgram: runtime === 'crun',
    }),
    ...parts.changes,
    ...(parts.changes.initPath !== undefined && { initPath: parts.changes.initPath }),
  });
}

/** Why these tests cannot run here; false when they can. */
function whyNot(runtime: keyof typeof RUNTIMES): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = [BUSYBOX, RUNTIMES[runtime]].find(path => !existsSync(path));
  return missing === undefined ? false : `needs ${missing}`;
}

function noFuse(): string | false {
  return existsSync('/dev/fuse') ? false : 'needs /dev/fuse';
}

function noRecursive(runtime: keyof typeof RUNTIMES): string | false {
  if (whyNot(runtime) !== false) return whyNot(runtime);
  return readHostFacts().hasRecursiveReadOnly ? false : 'needs Linux 5.12';
}
