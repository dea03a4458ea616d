import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { constants, release } from 'node:os';
import { test } from 'node:test';
import { attackEngine, loadImageOf, skip } from './attack-engine.ts';

const engine = attackEngine();

/** The host's perl, with the libraries it needs, is how a container of ours makes system calls that no shell makes. */
const PERL = '/usr/bin/perl';
const canCall: string | false =
  skip ||
  (existsSync(PERL) && NUMBERS()[process.arch]
    ? false
    : 'needs perl, and numbers of system calls of this machine');
const HOST_TOOLS = ['/usr:/usr:ro', '/lib:/lib:ro', ...(existsSync('/lib64') ? ['/lib64:/lib64:ro'] : [])];

/** asm/unistd.h */
function NUMBERS(): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const shared = { io_uring_setup: 425, open_tree: 428, clone3: 435, fsopen: 430 };
  return {
    x64: {
      ...shared,
      socket: 41,
      mount: 165,
      umount2: 166,
      unshare: 272,
      setns: 308,
      keyctl: 250,
      add_key: 248,
      bpf: 321,
      ptrace: 101,
      perf_event_open: 298,
      kexec_load: 246,
      init_module: 175,
      userfaultfd: 323,
      name_to_handle_at: 303,
      open_by_handle_at: 304,
      reboot: 169,
      swapon: 167,
      settimeofday: 164,
      iopl: 172,
      personality: 135,
      chroot: 161,
    },
    arm64: {
      ...shared,
      socket: 198,
      mount: 40,
      umount2: 39,
      unshare: 97,
      setns: 268,
      keyctl: 219,
      add_key: 217,
      bpf: 280,
      ptrace: 117,
      perf_event_open: 241,
      kexec_load: 104,
      init_module: 105,
      userfaultfd: 282,
      name_to_handle_at: 264,
      open_by_handle_at: 265,
      reboot: 142,
      swapon: 224,
      settimeofday: 170,
      personality: 92,
      chroot: 51,
    },
  };
}

const AF_INET = 2;
const AF_ALG = 38;
const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWNS = 0x00020000;
const KEYCTL_GET_KEYRING_ID = 0;

type Call = readonly [name: string, ...args: (number | string)[]];

/** Makes each call in a container, in a process of its own. @returns the errno's name of each; `''` when it succeeded. */
async function errnos(calls: readonly Call[], hostConfig: object = {}): Promise<string[]> {
  const lines = calls.map(([name, ...args]) => {
    const number = NUMBERS()[process.arch]?.[name];
    const words = args.map(arg => (typeof arg === 'number' ? String(arg) : JSON.stringify(arg)));
    return `perl -e '@a = (${words.join(', ')}); $r = syscall(${number ?? -1}, @a); print $r < 0 ? $!+0 : 0, "\\n"'`;
  });
  const output = await engine.script(lines.join('\n'), {
    HostConfig: { Binds: HOST_TOOLS, NetworkMode: 'none', ...hostConfig },
  });
  const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
  const codes = output.trim().split('\n').map(Number);
  assert.equal(codes.length, calls.length, output);
  return codes.map(code => (code === 0 ? '' : (names.get(code) ?? String(code))));
}

for (const Runtime of ['crun', 'runc']) {
  test(`dangerous system calls are refused by default (${Runtime})`, { skip: canCall }, async () => {
    const calls: Call[] = [
      ['socket', AF_ALG, SOCK_SEQPACKET, 0],
      ['socket', AF_VSOCK, SOCK_STREAM, 0],
      ['io_uring_setup', 1, 0],
      ['keyctl', KEYCTL_GET_KEYRING_ID, -3, 0],
      ['add_key', 'user', 'x', 'x', 1, -3],
      ['unshare', CLONE_NEWUSER],
      ['unshare', CLONE_NEWNS],
      ['mount', 'none', '/tmp', 'tmpfs', 0, 0],
      ['umount2', '/proc', 2],
      ['fsopen', 'tmpfs', 0],
      ['open_tree', -100, '/', 1],
      ['setns', 0, 0],
      ['bpf', 0, 0, 0],
      ['perf_event_open', 0, 0, -1, -1, 0],
      ['kexec_load', 0, 0, 0, 0],
      ['init_module', 0, 0, 0],
      ['userfaultfd', 0],
      ['open_by_handle_at', -100, 0, 0],
      ['reboot', 0, 0, 0, 0],
      ['swapon', '/x', 0],
      ['personality', 0x0040000], // ADDR_NO_RANDOMIZE
    ];
    const refused = await errnos(calls, { Runtime });
    assert.deepEqual(
      calls.map(([name], index) => [name, refused[index]]),
      calls.map(([name]) => [name, 'EPERM']),
    );
    // It pretends not to exist, so that libraries fall back to a call whose flags the filter sees.
    assert.deepEqual(await errnos([['clone3', 0, 0]], { Runtime }), ['ENOSYS']);
    assert.deepEqual(await errnos([['socket', AF_INET, SOCK_STREAM, 0]], { Runtime }), ['']);
  });
}

test('a family of sockets is refused also when it hides behind bits the kernel cuts off', {
  skip: canCall,
}, async () => {
  const hidden = [AF_ALG, AF_VSOCK].map((family): Call => ['socket', family + 2 ** 32, SOCK_SEQPACKET, 0]);
  assert.deepEqual(await errnos(hidden), ['EPERM', 'EPERM']);
});

test('an exec is under the same filter as its container, also a privileged one', {
  skip: canCall,
}, async () => {
  await engine.start('filtered', { HostConfig: { Binds: HOST_TOOLS } });
  const script = `print syscall(${NUMBERS()[process.arch]?.['socket']}, ${AF_ALG}, 5, 0) < 0 ? $!+0 : "open"`;
  for (const Privileged of [false, true]) {
    const { output } = await engine.exec('filtered', { Cmd: ['perl', '-e', script], Privileged });
    assert.equal(output, String(constants.errno.EPERM));
  }
  await engine.remove('filtered');
});

test('--privileged and --security-opt seccomp=unconfined lift what they say they lift', {
  skip: canCall,
}, async () => {
  const calls: Call[] = [
    ['mount', 'none', '/tmp', 'tmpfs', 0, 0],
    ['unshare', CLONE_NEWNS],
  ];
  assert.deepEqual(await errnos(calls, { Privileged: true }), ['', '']);
  // Without the filter it is still the missing capability that refuses.
  assert.deepEqual(await errnos(calls, { SecurityOpt: ['seccomp=unconfined'] }), ['EPERM', 'EPERM']);
});

test('rights are as Docker gives them, and root of a container has none over the kernel', {
  skip,
}, async () => {
  const status = (request: Readonly<Record<string, unknown>>): Promise<string> =>
    engine.script('cat /proc/self/status', request);
  const field = (text: string, name: string): string | undefined =>
    new RegExp(`^${name}:\\t(.*)$`, 'm').exec(text)?.[1];
  const ofRoot = await status({});
  for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(field(ofRoot, set), '00000000a80425fb', set);
  for (const set of ['CapInh', 'CapAmb']) assert.equal(field(ofRoot, set), '0000000000000000', set);
  assert.deepEqual([field(ofRoot, 'Seccomp'), field(ofRoot, 'NoNewPrivs')], ['2', '0']);
  const ofUser = await status({ User: '1000' });
  for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb']) {
    assert.equal(field(ofUser, set), '0000000000000000', set);
  }
  assert.equal(
    field(await status({ HostConfig: { SecurityOpt: ['no-new-privileges'] } }), 'NoNewPrivs'),
    '1',
  );
});

/** What Docker Engine 29 hides from containers; those a kernel does not have cannot be there either. */
const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

for (const Runtime of ['crun', 'runc']) {
  test(`kernel data is hidden, and kernel settings are read-only (${Runtime})`, { skip }, async () => {
    const script = [
      ...MASKED.map(path => `[ -d ${path} ] && ls -A ${path} || cat ${path} 2>/dev/null`),
      ...READ_ONLY.map(path => `[ -e ${path} ] && touch ${path}/x 2>/dev/null && echo wrote ${path}`),
      'for f in kernel/core_pattern kernel/hostname vm/drop_caches kernel/modprobe net/ipv4/ip_forward; do',
      '  [ -e /proc/sys/$f ] && cat /proc/sys/$f 2>/dev/null | (cat > /proc/sys/$f) 2>/dev/null && echo wrote $f',
      'done',
      'echo b > /proc/sysrq-trigger && echo wrote sysrq',
      'groups=$(find /sys/fs/cgroup -name release_agent -o -name cgroup.procs -o -name notify_on_release)',
      'for f in /sys/kernel/uevent_helper /sys/power/state $groups; do (echo 0 > $f) && echo wrote $f; done',
      'for d in /sys/fs/cgroup/*/; do grep -q " ${d%/} cgroup" /proc/mounts && mkdir $d/x && echo made $d/x; done',
      'dd if=/dev/mem of=/dev/null count=1 2>/dev/null && echo read memory',
      'mknod /tmp/disk b 8 0 && dd if=/tmp/disk of=/dev/null count=1 2>/dev/null && echo read a disk',
      'echo over',
    ].join('\n');
    const output = await engine.script(`(${script}) 2>/dev/null`, {
      HostConfig: { Runtime, NetworkMode: 'none' },
    });
    assert.equal(output, 'over\n');
  });
}

test('paths stay hidden when privileged exec looks, and --privileged shows them', { skip }, async () => {
  const before = readFileSync('/proc/interrupts', 'utf8');
  assert.notEqual(before, '');
  await engine.start('masked');
  const { output } = await engine.exec('masked', { Cmd: ['cat', '/proc/interrupts'], Privileged: true });
  assert.equal(output, '');
  await engine.remove('masked');
  assert.notEqual(await engine.script('cat /proc/interrupts', { HostConfig: { Privileged: true } }), '');
});

test('settings of the kernel outside of the name spaces of a container are refused', { skip }, async () => {
  const names = [
    'kernel.core_pattern',
    'kernel/core_pattern',
    'net.ipv4/../../kernel/core_pattern',
    'net/../kernel/core_pattern',
    'net.ipv4.ip_forward/../../../kernel/modprobe',
    'vm.drop_caches',
    'fs.file-max',
    'net',
    'net.',
    '/net.ipv4.ip_forward',
    '__proto__',
    'constructor',
    'net.ipv4.ip_forward\n',
  ];
  for (const name of names) {
    const { created, started } = await engine.run({
      Cmd: ['true'],
      HostConfig: { Sysctls: Object.fromEntries([[name, '1']]) },
    });
    const { status, body } = started ?? created;
    assert.equal(status, 400, `${name}: ${JSON.stringify(body)}`);
  }
});

test('an exec as another user is that user, with nothing of root left', { skip }, async () => {
  for (const Runtime of ['crun', 'runc']) {
    await engine.start('users', { HostConfig: { Runtime } });
    const script = 'id -u; id -g; id -G; grep CapEff /proc/self/status; cat /etc/shadow 2>/dev/null';
    for (const User of ['1', '1:1', 'daemon', 'daemon:1']) {
      const { output } = await engine.exec('users', { Cmd: ['sh', '-c', script], User });
      assert.equal(output, '1\n1\n1\nCapEff:\t0000000000000000\n', `${Runtime} ${User}`);
    }
    for (const User of ['4294967296', '-1', '4294967297', 'nosuch', '1:nosuch']) {
      const { code, output } = await engine.exec('users', { Cmd: ['id', '-u'], User });
      assert.notEqual(code, 0, `${User}: ${output}`);
      assert.doesNotMatch(output, /^[01]\n/);
    }
    await engine.remove('users');
  }
});

test('every container has the kernel of the host, and guests of other systems are refused', {
  skip,
}, async () => {
  assert.equal(await engine.script('uname -sr'), `Linux ${release()}\n`);
  assert.equal(
    await engine.script('uname -sr', { HostConfig: { Privileged: true } }),
    `Linux ${release()}\n`,
  );
  for (const os of ['windows', 'freebsd', 'darwin']) {
    const tag = `guest:${os}`;
    const layers = [[{ path: 'Windows/System32/cmd.exe', mode: 0o755, content: 'MZ' }]];
    await loadImageOf(engine.daemon, { tags: [tag], layers, os, config: { Cmd: ['cmd.exe'] } });
    const { created } = await engine.run({ Image: tag });
    assert.equal(created.status, 400, os);
    assert.match(JSON.stringify(created.body), new RegExp(`made for ${os}/`));
  }
});
