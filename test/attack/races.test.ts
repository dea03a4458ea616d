import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { attackEngine, type ExecResult, HANG_MS, skip } from './attack-engine.ts';

const engine = attackEngine();

const EXECS = 200;
const AT_A_TIME = 8;

/** What the container makes of its account file and of a folder, over and over, each by a rename. */
const SWAPPING = `
cd /etc; cp passwd good
truncate -s 5000000 huge; mkdir -p folder; mkfifo fifo; ln -s ../../../../../../../../../etc/shadow up
ln -s /proc/1/root/etc/passwd process; ln -s loop loop; ln -s /dev/zero endless
mkdir /real; ln -s /real /spot
put() { rm -rf next; cp -a $1 next; rm -rf passwd; mv next passwd; }
while :; do
  for kind in up fifo good huge folder good process loop good endless; do
    put $kind
    ln -sfn /proc/self/fd/7 /spot; ln -sfn /proc/self/fd/9 /spot; ln -sfn /real /spot
  done
done`;

test('200 execs in a container that swaps its account file and their working directory meanwhile', {
  skip,
}, async () => {
  await engine.start('swaps', { Cmd: ['sh', '-c', SWAPPING] });
  const results: ExecResult[] = [];
  let slowestMs = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const begun = performance.now();
      assert.equal((await engine.daemon.call('GET', '/_ping')).status, 200);
      slowestMs = Math.max(slowestMs, performance.now() - begun);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  })();
  const hasMetBoth = (): boolean => new Set(results.map(({ code }) => code === 0)).size === 2;
  const workers = Array.from({ length: AT_A_TIME }, async (_, worker) => {
    // On until both were met: which one, is what the container is at.
    for (let round = worker; round < EXECS || !hasMetBoth(); round += AT_A_TIME) {
      const script = 'pwd -P; grep Uid /proc/self/status';
      const place = round % 2 === 0 ? { WorkingDir: '/spot' } : {};
      results.push(await engine.exec('swaps', { Cmd: ['sh', '-c', script], User: 'daemon', ...place }));
    }
  });
  await Promise.all(workers);
  isOver = true;
  await watching;

  const ran = results.filter(({ code }) => code === 0);
  for (const { output } of ran) assert.match(output, /^(\/|\/real)\nUid:\t1\t1\t1\t1\n$/);
  for (const { code, output } of results) {
    if (code === 0) continue;
    assert.match(output, /passwd|chdir|Uid|user daemon|No such|not permitted|directory/, output);
    assert.doesNotMatch(output, /Uid:\t0|root:|canary/);
  }
  assert.ok(slowestMs < HANG_MS, `another client waited for ${slowestMs} ms`);
  await engine.remove('swaps');
  await engine.assertUnharmed();
});

test('a restart reads the account file of the image as the container left it', { skip }, async () => {
  const kinds: Readonly<Record<string, string>> = {
    fifo: 'mkfifo /etc/passwd',
    device: 'mknod /etc/passwd c 10 130',
    endless: 'ln -s /dev/zero /etc/passwd',
    folder: 'mkdir /etc/passwd',
    out: 'ln -s ../../../../../../../../../../etc/shadow /etc/passwd',
    huge: 'truncate -s 100000000000 /etc/passwd',
  };
  for (const [kind, command] of Object.entries(kinds)) {
    await engine.start(`left-${kind}`, {
      Cmd: ['sh', '-c', `rm -f /etc/passwd; ${command}; exec sleep 1000`],
    });
  }
  for (const kind of Object.keys(kinds)) {
    const begun = performance.now();
    const { status } = await engine.daemon.call('POST', `/containers/left-${kind}/restart?t=0`);
    assert.ok([204, 400].includes(status), `${kind}: ${status}`);
    assert.ok(performance.now() - begun < HANG_MS, kind);
  }
  for (const kind of Object.keys(kinds)) await engine.remove(`left-${kind}`);
  await engine.assertUnharmed();
});

const PERL = '/usr/bin/perl';
const HOST_TOOLS = ['/usr:/usr:ro', '/lib:/lib:ro', ...(existsSync('/lib64') ? ['/lib64:/lib64:ro'] : [])];
/** Takes a lease: whoever opens the file then waits for up to 45 seconds (fcntl(2), F_SETLEASE 1024, F_WRLCK 1). */
const HOLD = `
$SIG{IO} = "IGNORE"; my @held;
for my $path (@ARGV) { open(my $file, "+<", $path) or die "$path: $!"; fcntl($file, 1024, 1) or die "lease: $!"; push @held, $file; }
$| = 1; print "held\\n"; sleep 1000;`;

test('a container that holds leases on its files makes the engine wait for none of them', {
  skip: skip || (existsSync(PERL) ? false : 'needs perl'),
}, async () => {
  await engine.start('owner');
  const files = ['/etc/hosts', '/etc/resolv.conf', '/etc/hostname', '/etc/passwd', '/etc/group'];
  await engine.start('holder', {
    Cmd: ['perl', '-e', HOLD, ...files],
    HostConfig: { NetworkMode: 'container:owner', Binds: HOST_TOOLS },
  });
  await until('the leases', async () => {
    const { body } = await engine.daemon.call('GET', '/containers/holder/logs?stdout=1&stderr=1');
    assert.doesNotMatch(String(body), /lease:|No such file/);
    return String(body).includes('held');
  });
  const begun = performance.now();
  const restarted = await engine.daemon.call('POST', '/containers/owner/restart?t=0');
  assert.equal(restarted.status, 204, JSON.stringify(restarted.body));
  const { output } = await engine.exec('holder', { Cmd: ['true'], User: 'daemon' });
  assert.doesNotMatch(output, /internal/);
  assert.ok(performance.now() - begun < HANG_MS, 'the engine waited');
  await engine.remove('holder');
  await engine.remove('owner');
  await engine.assertUnharmed();
});

const PROGRAMS = ['conmon', 'crun', 'runc', 'tini', 'tini-static']
  .flatMap(name => ['/usr/bin', '/usr/sbin', '/usr/local/bin'].map(folder => `${folder}/${name}`))
  .filter(path => existsSync(path));

/** Writes to the program of whatever process it can see, as often as it can. */
const OVERWRITING = `
cp /bin/busybox /tmp/b; ln -sf /proc/self/exe /bin/again
while :; do for exe in /proc/[0-9]*/exe; do
  (printf '#!/bin/sh\\necho owned > /owned\\n' > $exe) 2>/dev/null; done; done`;

test('runtime, supervisor and init stay as they are while a container writes to all it can see of them', {
  skip,
}, async () => {
  const contents = new Map(PROGRAMS.map(path => [path, readFileSync(path)]));
  assert.ok(contents.size >= 2, 'the programs are found');
  const hasInit = PROGRAMS.some(path => path.includes('tini'));
  await engine.image('self:exe', [
    { path: 'bin/self', mode: 0o755, content: '#!/proc/self/exe\n' },
    { path: 'bin/link', type: 'symlink', linkPath: '/proc/self/exe' },
  ]);
  try {
    for (const Runtime of ['crun', 'runc']) {
      await engine.start('writer', {
        Image: 'self:exe',
        Cmd: ['sh', '-c', OVERWRITING],
        HostConfig: { Runtime, Init: hasInit },
      });
      for (let round = 0; round < 6; round += 1) {
        await engine.exec('writer', { Cmd: [round % 2 === 0 ? '/bin/self' : '/bin/link', 'x'] });
        await engine.run({ Image: 'self:exe', Cmd: ['/proc/self/exe'], HostConfig: { Runtime } });
        await engine.run({ Image: 'self:exe', Cmd: ['/bin/self'], HostConfig: { Runtime } });
      }
      await engine.remove('writer');
    }
    for (const [path, content] of contents)
      assert.ok(readFileSync(path).equals(content), `${path} was changed`);
  } finally {
    for (const [path, content] of contents) {
      if (!readFileSync(path).equals(content)) writeFileSync(path, content, { mode: 0o755 });
    }
  }
  await engine.assertUnharmed();
});

test('a volume that is restored while a container starts with it: the container sees the one or the other, and keeps it', {
  skip,
}, async () => {
  const { daemon } = engine;
  const call = async (method: string, path: string, body?: object) => await daemon.call(method, path, body);
  const mounted = { Cmd: ['sleep', '1000'], HostConfig: { Binds: ['restored:/data'] } };
  await engine.start('restored', mounted);
  await call('POST', '/quai/volumes/restored/snapshots', { Name: 'monday' });
  for (let round = 0; round < 25; round += 1) {
    await call('POST', '/containers/restored/stop?t=0');
    const [started, restored] = await Promise.all([
      call('POST', '/containers/restored/start'),
      new Promise(resolve => setTimeout(resolve, round)).then(() =>
        call('POST', '/quai/volumes/restored/restore', { Snapshot: 'monday' }),
      ),
    ]);
    assert.equal(started.status, 204);
    assert.ok([204, 409].includes(restored.status), JSON.stringify(restored));
    const seen = await engine.exec('restored', { Cmd: ['stat', '-c', '%i', '/data'] });
    const inode = statSync(join(daemon.root, 'volumes', 'restored', '_data')).ino;
    assert.equal(seen.output.trim(), String(inode), `round ${round}`);
  }
  const runs = await call('POST', '/quai/volumes/restored/restore', { Snapshot: 'monday' });
  assert.equal(runs.status, 409, JSON.stringify(runs));
  await engine.remove('restored');
});
