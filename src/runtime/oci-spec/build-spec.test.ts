import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import type { OciSpec } from '#spec/oci/runtime-spec';
import { buildSpec, type SpecInput } from './build-spec.ts';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import { fakeHostFacts } from './fake-host-facts.ts';
import { fitHostConfig } from './fit-host-config.ts';

const MB = 1024 * 1024;
const ROOT = { uid: 0, gid: 0, groups: [0, 10], home: '/root' };

test('buildSpec() of a plain container is what Docker would run', () => {
  const spec = build({});
  assert.equal(spec.hostname, 'web');
  assert.deepEqual(spec.root, { path: '/rootfs', readonly: false });
  assert.deepEqual(spec.process, {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [0, 10] },
    args: ['/bin/server', '-v'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOSTNAME=web', 'HOME=/root'],
    cwd: '/',
    capabilities: {
      bounding: DEFAULT_CAPABILITIES,
      effective: DEFAULT_CAPABILITIES,
      permitted: DEFAULT_CAPABILITIES,
      inheritable: [],
      ambient: [],
    },
    rlimits: [],
    noNewPrivileges: false,
    oomScoreAdj: 0,
  });
  assert.deepEqual(spec.linux.namespaces, [
    { type: 'mount' },
    { type: 'network', path: '/run/netns/x' },
    { type: 'uts' },
    { type: 'pid' },
    { type: 'ipc' },
    { type: 'cgroup' },
  ]);
  assert.deepEqual(spec.linux.maskedPaths, ['/proc/kcore', '/sys/firmware']);
  assert.deepEqual(spec.linux.readonlyPaths, [
    '/proc/bus',
    '/proc/fs',
    '/proc/irq',
    '/proc/sys',
    '/proc/sysrq-trigger',
  ]);
  assert.deepEqual(spec.linux.sysctl, { 'net.ipv4.ping_group_range': '0 2147483647' });
  assert.deepEqual(Object.keys(spec.linux.resources), ['devices']);
  assert.deepEqual(spec.annotations, { 'run.oci.seccomp_bpf_data': 'cHJvZw==' });
});

test('buildSpec() gives a plain container the default devices only', () => {
  const { devices, resources } = build({}).linux;
  assert.deepEqual(devices, []);
  const rules = resources['devices'];
  assert.ok(Array.isArray(rules));
  assert.deepEqual(rules[0], { allow: false, access: 'rwm' });
  assert.equal(rules.length, 8);
});

test('buildSpec() of a privileged container hides nothing', () => {
  const { linux, process } = build({ Privileged: true });
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [[], []]);
  assert.deepEqual(linux.resources['devices'], [{ allow: true, access: 'rwm' }]);
  assert.equal(process.capabilities.bounding.length, 41);
  assert.ok(
    linux.devices.some(
      ({ path, type, major, minor }) => path === '/dev/null' && type === 'c' && major === 1 && minor === 3,
    ),
  );
  assert.ok(!linux.devices.some(({ path }) => path.startsWith('/dev/pts/') || path === '/dev/console'));
});

test('buildSpec() holds no capability for another user than root', () => {
  const { capabilities } = build({}, { user: { uid: 5, gid: 5, groups: [5], home: '/' } }).process;
  assert.deepEqual(capabilities, {
    bounding: DEFAULT_CAPABILITIES,
    effective: [],
    permitted: [],
    inheritable: [],
    ambient: [],
  });
});

test('buildSpec() overlays the environment, and never pulls one in', () => {
  const env = ['PATH=/only', 'A=1', 'A=2', 'HOSTNAME', 'USER', 'AWS_SECRET', '=x', 'EMPTY='];
  const { process: main } = build({}, {}, { Env: env, Tty: true });
  assert.deepEqual(main.env, ['PATH=/only', 'TERM=xterm', 'A=2', 'EMPTY=', 'HOME=/root']);
  assert.equal(main.terminal, true);
});

test('buildSpec() sets the size of a terminal', () => {
  const size = { ConsoleSize: [40, 120] };
  assert.deepEqual(build(size, {}, { Tty: true }).process.consoleSize, { height: 40, width: 120 });
  assert.equal(build(size).process.consoleSize, undefined);
  assert.equal(build({ ConsoleSize: [0, 0] }, {}, { Tty: true }).process.consoleSize, undefined);
});

test('buildSpec() writes limits', () => {
  const { linux, process } = build({
    Memory: 64 * MB,
    MemoryReservation: 32 * MB,
    NanoCpus: 1_500_000_000,
    CpuShares: 512,
    CpusetCpus: '0-1',
    PidsLimit: 100,
    OomScoreAdj: 500,
    OomKillDisable: true,
    BlkioWeight: 300,
    Ulimits: [
      { Name: 'nofile', Soft: 10, Hard: 20 },
      { Name: 'memlock', Soft: -1, Hard: -1 },
    ],
  });
  assert.deepEqual(linux.resources['memory'], {
    limit: 64 * MB,
    reservation: 32 * MB,
    swap: 128 * MB,
    disableOOMKiller: true,
  });
  assert.deepEqual(linux.resources['cpu'], { shares: 512, quota: 150_000, period: 100_000, cpus: '0-1' });
  assert.deepEqual(linux.resources['pids'], { limit: 100 });
  assert.deepEqual(linux.resources['blockIO'], { weight: 300 });
  assert.equal(process.oomScoreAdj, 500);
  assert.equal(
    JSON.stringify(process.rlimits),
    '[{"type":"RLIMIT_NOFILE","soft":10,"hard":20},' +
      '{"type":"RLIMIT_MEMLOCK","soft":18446744073709551615,"hard":18446744073709551615}]',
  );
});

test('buildSpec() limits processes by default where the engine says so, and not where the user says no', () => {
  const limitOf = (settings: object): unknown =>
    build(settings, { defaultPidsLimit: 4096 }).linux.resources['pids'];
  assert.deepEqual(limitOf({}), { limit: 4096 });
  assert.deepEqual(limitOf({ PidsLimit: 7 }), { limit: 7 });
  assert.equal(limitOf({ PidsLimit: -1 }), undefined);
  assert.equal(limitOf({ PidsLimit: 0 }), undefined);
});

test('buildSpec() shares name spaces', () => {
  const host = build(
    { PidMode: 'host', IpcMode: 'host', UTSMode: 'host', NetworkMode: 'host', CgroupnsMode: 'host' },
    { namespaces: {} },
  );
  assert.deepEqual(host.linux.namespaces, [{ type: 'mount' }]);
  assert.equal(host.hostname, undefined);
  assert.deepEqual(host.linux.sysctl, {});
  assert.equal(host.mounts.find(({ destination }) => destination === '/dev/shm')?.source, '/dev/shm');

  const other = build(
    { PidMode: 'container:x', IpcMode: 'container:x', NetworkMode: 'container:x' },
    {
      namespaces: { network: '/proc/9/ns/net', pid: '/proc/9/ns/pid', ipc: '/proc/9/ns/ipc' },
      shm: { kind: 'bind', source: '/run/x/shm' },
    },
  );
  assert.deepEqual(
    other.linux.namespaces.map(({ type, path }) => `${type} ${path ?? ''}`),
    ['mount ', 'network /proc/9/ns/net', 'uts ', 'pid /proc/9/ns/pid', 'ipc /proc/9/ns/ipc', 'cgroup '],
  );
  assert.deepEqual(other.linux.sysctl, {}, 'the network is not its own');
});

test('buildSpec() refuses to make up what it was not given', () => {
  assert.throws(() => build({ PidMode: 'container:x' }), TypeError);
  assert.throws(() => build({ IpcMode: 'shareable' }), TypeError);
});

test('buildSpec() puts an init before the command, in a pid name space of its own only', () => {
  const init = { initPath: '/usr/bin/tini' };
  const own = build({}, init);
  assert.deepEqual(own.process.args, ['/sbin/docker-init', '--', '/bin/server', '-v']);
  assert.ok(own.mounts.some(({ destination }) => destination === '/sbin/docker-init'));
  const shared = build({ PidMode: 'host' }, init);
  assert.deepEqual(shared.process.args, ['/bin/server', '-v']);
  assert.ok(!shared.mounts.some(({ destination }) => destination === '/sbin/docker-init'));
});

test('buildSpec() binds the generated files unless the user has their own', () => {
  const files = { resolvConf: '/run/c/resolv.conf', hosts: '/run/c/hosts', hostname: '/run/c/hostname' };
  const own = {
    type: 'bind',
    source: '/mine',
    destination: '/etc/hosts/',
    isWritable: true,
    propagation: '',
  } as const;
  const { mounts } = build({ ReadonlyRootfs: true }, { files, mounts: [own] });
  assert.deepEqual(
    mounts.filter(({ type }) => type === 'bind').map(({ source, options }) => [source, options]),
    [
      ['/run/c/resolv.conf', ['rbind', 'ro', 'rprivate']],
      ['/run/c/hostname', ['rbind', 'ro', 'rprivate']],
      ['/mine', ['rbind', 'rprivate']],
    ],
  );
});

test('buildSpec() hands the filter over as the runtime takes it, and lets no annotation take its place', () => {
  const annotations = { Annotations: { 'run.oci.seccomp_bpf_data': 'bad', mine: '1' } };
  assert.deepEqual(build(annotations).annotations, { 'run.oci.seccomp_bpf_data': 'cHJvZw==', mine: '1' });
  const spec = build({}, { seccomp: { kind: 'profile', profile: { defaultAction: 'SCMP_ACT_ERRNO' } } });
  assert.deepEqual(spec.linux.seccomp, { defaultAction: 'SCMP_ACT_ERRNO' });
  assert.deepEqual(spec.annotations, {});
  assert.ok(!('seccomp' in build({}, { seccomp: { kind: 'unconfined' } }).linux));
});

test('buildSpec() obeys security options', () => {
  const options = ['no-new-privileges', 'systempaths=unconfined', 'apparmor=mine'];
  const { linux, process } = build({ SecurityOpt: options }, { host: fakeHostFacts({ hasApparmor: true }) });
  assert.equal(process.noNewPrivileges, true);
  assert.equal(process.apparmorProfile, 'mine');
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [[], []]);
  assert.equal(build({ SecurityOpt: options }).process.apparmorProfile, undefined, 'a host without AppArmor');
});

test('buildSpec() takes lists of paths over the defaults', () => {
  const { linux } = build({ MaskedPaths: ['/proc/x'], ReadonlyPaths: [] });
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [['/proc/x'], []]);
});

test('buildSpec() sets a domain name', () => {
  assert.equal(build({}, {}, { Domainname: 'example.org' }).linux.sysctl['kernel.domainname'], 'example.org');
});

test('buildSpec() refuses working directories that lead through a process', () => {
  for (const path of [
    '/proc/self/fd/7',
    '/proc/1/root',
    '/proc/thread-self/cwd',
    '/dev/fd/3',
    '/x/../proc/self',
    '//proc/self/fd/9/',
  ]) {
    assert.throws(
      () => build({}, {}, { WorkingDir: path }),
      { kind: 'invalid', message: /leads through a process/ },
      path,
    );
  }
  assert.throws(() => build({}, {}, { WorkingDir: 'relative' }), {
    message: "the working directory 'relative' is invalid, it needs to be an absolute path",
  });
  assert.equal(build({}, {}, { WorkingDir: '/a/./b//../c/' }).process.cwd, '/a/c');
});

test('buildSpec() refuses a NUL in what the kernel gets as text', () => {
  assert.throws(() => build({}, {}, { Env: ['A=b\0c'] }), { kind: 'invalid' });
  assert.throws(() => build({}, { args: ['\0'] }), { kind: 'invalid' });
});

test('buildSpec() refuses devices that are none, and drivers there are none for', () => {
  const device = (PathOnHost: string) => ({
    Devices: [{ PathOnHost, PathInContainer: '/dev/x', CgroupPermissions: 'r' }],
  });
  assert.throws(() => build(device('/no/such')), {
    kind: 'invalid',
    message:
      'error gathering device information while adding custom device "/no/such": no such file or directory',
  });
  assert.throws(() => build(device('/etc/passwd')), { message: /"\/etc\/passwd": not a device node$/ });
  assert.throws(() => build({ DeviceRequests: [{ Capabilities: [['gpu']] }] }), {
    message: 'could not select device driver "" with capabilities: [[gpu]]',
  });
  assert.throws(() => build({ BlkioDeviceReadBps: [{ Path: '/no/such', Rate: 1 }] }), {
    message: 'stat /no/such: no such file or directory',
  });
});

test('buildSpec() maps a device and lets it be used as asked', () => {
  const { linux } = build({
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/nothing', CgroupPermissions: 'r' }],
    DeviceCgroupRules: ['c 10:* rw'],
  });
  const [device] = linux.devices;
  assert.deepEqual([device?.path, device?.type, device?.major, device?.minor], ['/dev/nothing', 'c', 1, 3]);
  const rules = linux.resources['devices'];
  assert.ok(Array.isArray(rules));
  assert.deepEqual(rules.slice(-2), [
    { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    { allow: true, type: 'c', major: 10, access: 'rw' },
  ]);
});

/** A spec of a container named `web` on a host that can do everything. */
function build(hostSettings: object, changes: Partial<SpecInput> = {}, settings: object = {}): OciSpec {
  const host = changes.host ?? fakeHostFacts();
  return buildSpec({
    id: 'c1',
    config: v.parse(ContainerConfig, settings),
    hostConfig: fitHostConfig(v.parse(HostConfig, hostSettings), host).hostConfig,
    host,
    path: '/bin/server',
    args: ['-v'],
    hostname: 'web',
    rootfsPath: '/rootfs',
    mounts: [],
    files: {},
    namespaces: { network: '/run/netns/x' },
    user: ROOT,
    cgroupsPath: '/quai/c1',
    seccomp: { kind: 'program', base64: 'cHJvZw==' },
    ...changes,
  });
}
