import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

/** Name spaces of a container's main process, as the host's /proc shows them. */
async function namespace(name: string, kind: string): Promise<string> {
  return readlinkSync(`/proc/${await engine.inspect(name, '{{.State.Pid}}')}/ns/${kind}`);
}

function ownNamespace(kind: string): string {
  return readlinkSync(`/proc/self/ns/${kind}`);
}

test('PID name space: a container has its own process list, the host sees other PIDs (S290)', {
  skip,
}, async () => {
  await engine.started('pids', 'busybox', 'sleep', '1234');
  assert.equal(await engine.ok('exec', 'pids', 'cat', '/proc/1/comm'), 'sleep');
  assert.ok((await engine.ok('exec', 'pids', 'ps')).split('\n').length <= 4);
  const pid = Number(await engine.inspect('pids', '{{.State.Pid}}'));
  assert.notEqual(pid, 1);
  assert.equal(readFileSync(`/proc/${pid}/comm`, 'utf8'), 'sleep\n');
});

test("network, mount, UTS, IPC and PID name spaces are a container's own (S291, S292, S294, S295, S302)", {
  skip,
}, async () => {
  await engine.started('one', '-h', 'one-host', 'busybox', 'sleep', '100');
  await engine.started('two', 'busybox', 'sleep', '100');
  for (const kind of ['net', 'mnt', 'uts', 'ipc', 'pid']) {
    const [one, two] = [await namespace('one', kind), await namespace('two', kind)];
    assert.notEqual(one, two, kind);
    assert.ok(![one, two].includes(ownNamespace(kind)), kind);
  }
  assert.equal(await engine.ok('exec', 'one', 'hostname'), 'one-host');
  assert.notEqual(hostname(), 'one-host');
  assert.match(await engine.ok('exec', 'one', 'ls', '/sys/class/net'), /^eth0\nlo$/);
});

test("--pid, --ipc, --uts and --network host use the host's (S080, S081, S193)", { skip }, async () => {
  await engine.started(
    'open',
    '--pid',
    'host',
    '--ipc',
    'host',
    '--uts',
    'host',
    '--network',
    'host',
    'busybox',
    'sleep',
    '100',
  );
  for (const kind of ['pid', 'ipc', 'uts', 'net'])
    assert.equal(await namespace('open', kind), ownNamespace(kind), kind);
  assert.equal(await engine.ok('exec', 'open', 'hostname'), hostname());
  const pid = String(engine.daemon.pid);
  assert.equal(await engine.ok('exec', 'open', 'test', '-e', `/proc/${pid}/comm`), '');
  const links = (await engine.ok('exec', 'open', 'ls', '/sys/class/net')).split('\n');
  assert.ok(
    links.includes('lo') &&
      !links.includes('eth0') === !readFileSync('/proc/net/dev', 'utf8').includes('eth0:'),
  );
});

test("--pid, --ipc and --network container:NAME share another container's", { skip }, async () => {
  await engine.started('base', '--ipc', 'shareable', 'busybox', 'sleep', '1001');
  await engine.started(
    'guest',
    '--pid',
    'container:base',
    '--ipc',
    'container:base',
    '--network',
    'container:base',
    'busybox',
    'sleep',
    '1002',
  );
  for (const kind of ['pid', 'ipc', 'net'])
    assert.equal(await namespace('guest', kind), await namespace('base', kind), kind);
  assert.match(await engine.ok('exec', 'guest', 'ps'), /1 root .* sleep 1001/);
  const address = await engine.inspect('base', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}');
  assert.match(
    await engine.ok('exec', 'guest', 'ip', '-4', 'addr', 'show', 'eth0'),
    new RegExp(address.replaceAll('.', '\\.')),
  );
  for (const kind of ['pid', 'ipc', 'network']) {
    const { stderr } = await engine.refused(
      'run',
      '--rm',
      `--${kind}`,
      'container:nosuch',
      'busybox',
      'true',
    );
    assert.match(stderr, /^docker: Error response from daemon: No such container: nosuch/, kind);
  }
});

test("the root of a container is its image's: host files cannot be seen (S035, S296, S305)", {
  skip,
}, async () => {
  assert.equal(
    await engine.run('busybox', 'sh', '-c', `ls ${engine.daemon.folder} 2>&1 >/dev/null | grep -c "No such"`),
    '1',
  );
  assert.equal(
    await engine.run('busybox', 'sh', '-c', 'ls -d /../etc/../../bin; cd /; cd ../../..; pwd'),
    '/../etc/../../bin\n/',
  );
  const mounts = await engine.run('busybox', 'cat', '/proc/self/mountinfo');
  assert.match(mounts, / \/ \/ rw.* - overlay /);
});

test('masked and read-only paths: /proc and /sys show and take no more than Docker lets them (S302)', {
  skip,
}, async () => {
  const script = `
    cat /proc/kcore 2>/dev/null | head -c 1 | wc -c
    ls /sys/firmware 2>/dev/null | wc -l
    cat /proc/timer_list 2>/dev/null | wc -c
    for path in /proc/sysrq-trigger /proc/sys/kernel/panic; do echo 0 2>/dev/null > $path || echo refused; done
    mkdir /sys/fs/x 2>/dev/null || echo refused
    grep -c " /proc/sys .*ro," /proc/self/mountinfo`;
  assert.equal(
    (await engine.docker(['run', '--rm', 'busybox', 'sh', '-c', script])).stdout,
    '0\n0\n0\nrefused\nrefused\nrefused\n1\n',
  );
  const free = await engine.run(
    '--security-opt',
    'systempaths=unconfined',
    'busybox',
    'sh',
    '-c',
    'grep -c " /proc/" /proc/self/mountinfo || true',
  );
  assert.equal(free, '0');
});

test('seccomp is on by default, in run and in exec; unconfined switches it off (S301)', {
  skip,
}, async () => {
  const words = ['grep', '-E', '^(Seccomp|NoNewPrivs):', '/proc/self/status'];
  await engine.started('filtered', 'busybox', 'sleep', '100');
  assert.equal(await engine.run('busybox', ...words), 'NoNewPrivs:\t0\nSeccomp:\t2');
  assert.equal(await engine.ok('exec', 'filtered', ...words), 'NoNewPrivs:\t0\nSeccomp:\t2');
  assert.equal(
    await engine.run('--security-opt', 'seccomp=unconfined', 'busybox', ...words),
    'NoNewPrivs:\t0\nSeccomp:\t0',
  );
  assert.match(
    (await engine.docker(['run', '--rm', 'busybox', 'unshare', '-U', 'true'])).stderr,
    /Operation not permitted/,
  );
});

test('--security-opt no-new-privileges holds in run and exec; a seccomp profile from a file is used (S301)', {
  skip,
}, async () => {
  await engine.started('nnp', '--security-opt', 'no-new-privileges', 'busybox', 'sleep', '100');
  assert.equal(await engine.ok('exec', 'nnp', 'grep', 'NoNewPrivs', '/proc/self/status'), 'NoNewPrivs:\t1');
  assert.equal(await engine.ok('exec', 'nnp', 'grep', 'NoNewPrivs', '/proc/1/status'), 'NoNewPrivs:\t1');
  const profile = `${engine.daemon.folder}/seccomp.json`;
  writeFileSync(
    profile,
    JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
    }),
  );
  const { stderr } = await engine.refused(
    'run',
    '--rm',
    '--security-opt',
    `seccomp=${profile}`,
    'busybox',
    'mkdir',
    '/x',
  );
  assert.match(stderr, /Operation not permitted/);
});

test("capabilities: Docker's fourteen, --cap-add, --cap-drop, ALL (S303, S304)", { skip }, async () => {
  const caps = (...words: string[]): Promise<string> =>
    engine.run(...words, 'busybox', 'sh', '-c', 'grep CapEff /proc/self/status | cut -f2');
  assert.equal(await caps(), '00000000a80425fb');
  assert.equal(await caps('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN'), '0000000000001000');
  assert.equal(await caps('--cap-add', 'cap_sys_time'), '00000000aa0425fb');
  assert.equal(await caps('--cap-drop', 'CHOWN'), '00000000a80425fa');
  assert.equal(await caps('-u', '1000'), '0000000000000000');
  assert.match(
    (await engine.refused('run', '--cap-add', 'NOSUCH', 'busybox', 'true')).stderr,
    /invalid CapAdd: unknown capability: "(CAP_)?NOSUCH"/,
  );
  assert.match(
    (await engine.docker(['run', '--rm', 'busybox', 'ip', 'link', 'add', 'x', 'type', 'dummy'])).stderr,
    /Operation not permitted/,
  );
});

test('--privileged: all capabilities, all devices, no filter, writable /proc/sys; it is visible (S082, S306)', {
  skip,
}, async () => {
  const script =
    'grep -E "^(CapEff|Seccomp):" /proc/self/status; ls /dev | wc -l; grep -c " /proc/sys .*ro," /proc/self/mountinfo; mount -t tmpfs none /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs none /mnt && echo mounted';
  const bounding = /CapBnd:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const { stdout } = await engine.docker(['run', '--rm', '--privileged', 'busybox', 'sh', '-c', script]);
  const [caps, seccomp, devices, readOnly, mounted] = stdout.split('\n');
  assert.deepEqual(
    [caps, seccomp, readOnly, mounted],
    [`CapEff:\t${bounding}`, 'Seccomp:\t0', '0', 'mounted'],
  );
  const ordinary = Number(await engine.run('busybox', 'sh', '-c', 'ls /dev | wc -l'));
  assert.ok(Number(devices) > ordinary, `${devices} devices, ${ordinary} without`);
  await engine.ok('create', '--name', 'p1', '--privileged', '--pid', 'host', '--network', 'host', 'busybox');
  assert.equal(
    await engine.inspect(
      'p1',
      '{{.HostConfig.Privileged}} {{.HostConfig.PidMode}} {{.HostConfig.NetworkMode}}',
    ),
    'true host host',
  );
});

test("devices: only Docker's usual ones are there, others cannot be made or used (S302)", {
  skip,
}, async () => {
  assert.equal(
    await engine.run('busybox', 'sh', '-c', 'ls /dev | tr "\\n" " "'),
    'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ',
  );
  const { stdout } = await engine.docker([
    'run',
    '--rm',
    'busybox',
    'sh',
    '-c',
    'mknod /dev/mem2 c 1 1; head -c 1 /dev/mem2 | wc -c',
  ]);
  assert.equal(stdout.trim(), '0');
});

test('a container has Linux users of its own (S304)', { skip }, async () => {
  assert.match(
    await engine.run(
      'busybox',
      'sh',
      '-c',
      'echo "app:x:5000:5000::/:/bin/sh" >> /etc/passwd; id -u app; cat /etc/passwd | grep -c nobody',
    ),
    /^5000\n1$/,
  );
  assert.doesNotMatch(readFileSync('/etc/passwd', 'utf8'), /^app:/m);
});

test('a fork bomb in an ordinary container harms nobody, and its container can be removed (S307, S316, S341)', {
  skip,
}, async () => {
  await engine.started('neighbour', 'busybox', 'sleep', '100');
  const script = 'bomb() { bomb | bomb & }; bomb; while :; do (sleep 100 &); done';
  await engine.started('fork-bomb', '--pids-limit', '40', 'busybox', 'sh', '-c', script);
  await until('the limit', async () =>
    /can't fork/.test((await engine.docker(['logs', 'fork-bomb'])).stderr),
  );
  assert.equal(await engine.ok('exec', 'neighbour', 'echo', 'fine'), 'fine');
  const { stdout } = await engine.docker(['top', 'fork-bomb']);
  assert.ok(stdout.split('\n').length <= 42, stdout);
  await engine.ok('rm', '-f', 'fork-bomb');
});

test('the host name, time and files of the host stay what they were (S302, S305)', { skip }, async () => {
  const before = hostname();
  await engine.refused('run', '--rm', 'busybox', 'hostname', 'changed');
  await engine.refused('run', '--rm', 'busybox', 'mount', '-t', 'tmpfs', 'none', '/tmp');
  assert.equal(hostname(), before);
});
