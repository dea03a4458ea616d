import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dockerArchive, sharedFixture, writeShared } from '../support/image-archive.ts';
import { until } from '../support/until.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();

test('--init runs a small init that reaps orphans and passes signals on', { skip }, async () => {
  // An orphan that nobody reaps keeps its number.
  const script =
    'cat /proc/1/comm; pid=$(sh -c "sleep 0.05 >/dev/null & echo \\$!"); while [ -e /proc/$pid ]; do usleep 10000; done; echo gone';
  const output = (await engine.docker(['run', '--rm', '--init', 'busybox', 'sh', '-c', script])).stdout.split(
    '\n',
  );
  assert.match(output[0] ?? '', /^(docker-init|tini)/);
  assert.equal(output[1], 'gone');
  await engine.started('quick', '--init', 'busybox', 'sleep', '100');
  const begun = Date.now();
  await engine.ok('stop', 'quick');
  assert.ok(Date.now() - begun < 9500, 'sleep is not PID 1, so SIGTERM ends it');
  assert.equal(await engine.inspect('quick', '{{.State.ExitCode}} {{.HostConfig.Init}}'), '143 true');
});

test('--hostname, --domainname, --add-host with host-gateway make /etc/hosts and the name', {
  skip,
}, async () => {
  const hosts = await engine.run(
    '-h',
    'web',
    '--domainname',
    'example.org',
    '--add-host',
    'db:10.1.2.3',
    '--add-host',
    'six:[2001:db8::1]',
    '--add-host',
    'up:host-gateway',
    'busybox',
    'cat',
    '/etc/hosts',
  );
  assert.match(hosts, /^127\.0\.0\.1\tlocalhost\n/);
  assert.match(hosts, /^10\.1\.2\.3\tdb$/m);
  assert.match(hosts, /^2001:db8::1\tsix$/m);
  assert.match(hosts, /^1\d\d\.\d+\.\d+\.1\tup$/m);
  assert.match(hosts, /^1\d\d\.\d+\.\d+\.\d+\tweb\.example\.org web$/m);
  assert.equal(await engine.run('-h', 'web', 'busybox', 'cat', '/etc/hostname'), 'web');
});

test("--dns, --dns-search, --dns-option make /etc/resolv.conf; else it is the host's", { skip }, async () => {
  const given = await engine.run(
    '--dns',
    '9.9.9.9',
    '--dns',
    '2001:db8::53',
    '--dns-search',
    'example.org',
    '--dns-option',
    'ndots:3',
    'busybox',
    'cat',
    '/etc/resolv.conf',
  );
  assert.match(given, /^nameserver 9\.9\.9\.9$/m);
  assert.match(given, /^nameserver 2001:db8::53$/m);
  assert.match(given, /^search example\.org$/m);
  assert.match(given, /^options ndots:3$/m);
  const inherited = await engine.run('--network', 'host', 'busybox', 'cat', '/etc/resolv.conf');
  const servers = (text: string): string[] => [...text.matchAll(/^nameserver \S+/gm)].map(([line]) => line);
  assert.deepEqual(servers(inherited), servers(readFileSync('/etc/resolv.conf', 'utf8')));
  assert.match(
    (await engine.refused('run', '--dns', 'nosuch', 'busybox', 'true')).stderr,
    /IP address is not correctly formatted: nosuch/,
  );
});

test('/etc/hosts, /etc/hostname and /etc/resolv.conf can be written to; a start makes them anew', {
  skip,
}, async () => {
  const script =
    'for file in hosts hostname resolv.conf; do echo "# added" >> /etc/$file; grep -c added /etc/$file; done';
  await engine.ok('run', '--name', 'writes', 'busybox', 'sh', '-c', script);
  assert.match(await engine.ok('start', '-a', 'writes'), /^1\n1\n[12]$/);
});

test('--read-only keeps the root file system as it is; --tmpfs and volumes can be written to', {
  skip,
}, async () => {
  const script =
    'touch /file /etc/x 2>&1 | grep -c "Read-only file system"; touch /tmp/ok /data/ok && echo written';
  assert.equal(
    await engine.run('--read-only', '--tmpfs', '/tmp', '-v', '/data', 'busybox', 'sh', '-c', script),
    '2\nwritten',
  );
});

test('--device gives a device, with the rights asked for', { skip }, async () => {
  const rights =
    'test -c /dev/mine || exit 0; (exec 3< /dev/mine) 2>/dev/null && echo read; (exec 3> /dev/mine) 2>/dev/null && echo write; true';
  const tried = (...words: string[]): Promise<string> => engine.run(...words, 'busybox', 'sh', '-c', rights);
  assert.equal(await tried(), '');
  assert.equal(await tried('--device', '/dev/loop-control:/dev/mine'), 'read\nwrite');
  assert.equal(await tried('--device', '/dev/loop-control:/dev/mine:r'), 'read');
  assert.equal(await tried('--device', '/dev/loop-control:/dev/mine:w'), 'write');
  assert.equal(await tried('--device-cgroup-rule', 'c 10:237 rw'), '', 'a rule alone makes no device');
  const { stderr } = await engine.refused('run', '--rm', '--device', '/dev/nosuch', 'busybox', 'true');
  assert.match(
    stderr,
    /error gathering device information while adding custom device "\/dev\/nosuch": no such file or directory/,
  );
});

test('--ulimit sets limits of the processes, soft and hard; also in docker exec', { skip }, async () => {
  const script = 'ulimit -Sn; ulimit -Hn; ulimit -c';
  await engine.started(
    'limits',
    '--ulimit',
    'nofile=100:200',
    '--ulimit',
    'core=0',
    'busybox',
    'sleep',
    '100',
  );
  assert.equal(await engine.ok('exec', 'limits', 'sh', '-c', script), '100\n200\n0');
  assert.equal(
    await engine.run('--ulimit', 'nofile=100:200', '--ulimit', 'core=0', 'busybox', 'sh', '-c', script),
    '100\n200\n0',
  );
  await engine.refused('run', '--ulimit', 'nofile=200:100', 'busybox', 'true');
});

test('--ulimit nproc=3 keeps a user from making processes (S083, S341)', { skip }, async () => {
  const script = 'i=0; while [ $i -lt 6 ]; do sleep 5 & i=$((i+1)); done';
  // A user of its own: the kernel counts processes of a user on the whole host, and root may go over the limit.
  const { stdout, stderr } = await engine.docker([
    'run',
    '--rm',
    '-u',
    '58231',
    '--ulimit',
    'nproc=3',
    'busybox',
    'sh',
    '-c',
    script,
  ]);
  assert.match(stdout + stderr, /can't fork: Resource temporarily unavailable/);
});

test('--sysctl sets a namespaced kernel setting; others are refused', { skip }, async () => {
  const words = [
    '--sysctl',
    'net.ipv4.ip_unprivileged_port_start=99',
    '--sysctl',
    'kernel.msgmax=9000',
    'busybox',
    'cat',
    '/proc/sys/net/ipv4/ip_unprivileged_port_start',
    '/proc/sys/kernel/msgmax',
  ];
  assert.equal(await engine.run(...words), '99\n9000');
  await engine.refused('run', '--rm', '--sysctl', 'kernel.panic=1', 'busybox', 'true');
});

test('--shm-size sets the size of /dev/shm; 64 MB else', { skip }, async () => {
  const size = (...words: string[]): Promise<string> =>
    engine.run(...words, 'busybox', 'sh', '-c', "df -k /dev/shm | tail -1 | awk '{print $2}'");
  assert.equal(await size(), '65536');
  assert.equal(await size('--shm-size', '8m'), '8192');
});

test('--oom-score-adj is what the process has', { skip }, async () => {
  assert.equal(
    await engine.run('--oom-score-adj', '321', 'busybox', 'cat', '/proc/self/oom_score_adj'),
    '321',
  );
});

test('--platform and images of another platform are refused with both names (S034, S388)', {
  skip,
}, async () => {
  const path = sharedFixture('other-platform.tar');
  const native = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
  const other = process.arch === 'arm64' ? 'amd64' : 'arm64';
  await writeShared(
    path,
    dockerArchive([
      {
        tags: ['foreign:1'],
        layers: [[{ path: 'bin/x', content: 'x', mode: 0o755 }]],
        architecture: other,
        config: { Cmd: ['/bin/x'] },
      },
    ]),
  );
  await engine.ok('load', '-i', path);
  const { code, stderr } = await engine.docker(['run', '--rm', 'foreign:1']);
  assert.notEqual(code, 0);
  assert.match(stderr, new RegExp(`linux/${other}`));
  assert.match(stderr, /linux\/(amd64|arm64)/);
  const platform = ['--pull', 'never', '--platform', `linux/${other}`];
  const asked = await engine.refused('run', '--rm', ...platform, 'busybox', 'true');
  assert.match(asked.stderr, new RegExp(`busybox.*linux/${other}`));
  assert.equal(await engine.run('--platform', native, 'busybox', 'echo', 'ok'), 'ok');
});

test('labels: of the image, of --label and of --label-file', { skip }, async () => {
  await loadImage(engine, {
    tags: ['labelled'],
    config: { Cmd: ['true'], Labels: { a: 'image', b: 'image' } },
  });
  await engine.ok('create', '--name', 'l1', '-l', 'b=run', '-l', 'c', 'labelled');
  assert.equal(await engine.inspect('l1', '{{json .Config.Labels}}'), '{"a":"image","b":"run","c":""}');
});

test('docker create takes what docker run takes; docker start runs it later', { skip }, async () => {
  await engine.ok(
    'create',
    '--name',
    'later',
    '-e',
    'X=1',
    '--tmpfs',
    '/t',
    '-m',
    '32m',
    'busybox',
    'sh',
    '-c',
    'echo $X; touch /t/x',
  );
  assert.equal(await engine.inspect('later', '{{.State.Status}}'), 'created');
  assert.equal(await engine.ok('start', '-a', 'later'), '1');
});

test('--mac-address, --ip and static addresses on the default bridge are refused or kept', {
  skip,
}, async () => {
  assert.match(
    await engine.run('--mac-address', '02:42:00:00:00:99', 'busybox', 'ip', 'link', 'show', 'eth0'),
    /02:42:00:00:00:99/,
  );
  assert.match(
    (await engine.refused('run', '--rm', '--ip', '172.17.0.99', 'busybox', 'true')).stderr,
    /user specified IP address is supported on user defined networks only/,
  );
});

test('--runtime runc runs the container with runc', {
  skip: skip || (existsSync('/usr/sbin/runc') || existsSync('/usr/bin/runc') ? false : 'no runc'),
}, async () => {
  await engine.started('other', '--runtime', 'runc', 'busybox', 'sh', '-c', 'echo from runc; sleep 100');
  await until('the output', async () => (await engine.ok('logs', 'other')) === 'from runc');
  assert.equal(await engine.inspect('other', '{{.HostConfig.Runtime}}'), 'runc');
  assert.equal(await engine.ok('exec', 'other', 'echo', 'in'), 'in');
  await engine.ok('stop', '-t', '0', 'other');
  assert.match(
    (await engine.refused('run', '--runtime', 'nosuch', 'busybox', 'true')).stderr,
    /unknown or invalid runtime name: nosuch/,
  );
});

test('no descriptor of the engine reaches a container, in run and in exec', { skip }, async () => {
  await engine.started('open', 'busybox', 'sleep', '100');
  const script = 'ls -l /proc/$$/fd; true'; // no pipeline: the shell would have an end of it, for a moment
  const isUsual = /^[012] -> (pipe:\[\d+\]|\/dev\/null|socket:\[\d+\])$/;
  for (const listing of [
    await engine.run('busybox', 'sh', '-c', script),
    await engine.ok('exec', 'open', 'sh', '-c', script),
  ].map(output => output.replace(/^total.*\n/, '').replace(/^.* (\d+ -> )/gm, '$1'))) {
    assert.equal(listing.split('\n').filter(line => isUsual.test(line)).length, 3, listing);
    assert.equal(listing.split('\n').length, 3, listing);
  }
});
