import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';
import { LiveProgram, liveDocker } from './live-program.ts';

const QUAI = fileURLToPath(new URL('../../quai', import.meta.url));

const engine = compatEngine();

test('docker exec runs a command beside the main process and ends with its status (S088)', {
  skip,
}, async () => {
  await engine.started('main', '-e', 'GIVEN=by run', '-w', '/tmp', '-u', '8', 'busybox', 'sleep', '100');
  assert.equal(await engine.ok('exec', 'main', 'sh', '-c', 'echo $GIVEN; pwd; id -u'), 'by run\n/tmp\n8');
  const { code, stdout, stderr } = await engine.docker([
    'exec',
    'main',
    'sh',
    '-c',
    'echo out; echo err >&2; exit 9',
  ]);
  assert.deepEqual([code, stdout, stderr], [9, 'out\n', 'err\n']);
  const options = ['-e', 'MORE=x', '-w', '/etc', '-u', 'nobody:adm'];
  assert.equal(
    await engine.ok('exec', ...options, 'main', 'sh', '-c', 'echo $GIVEN $MORE; pwd; id -un; id -gn'),
    'by run x\n/etc\nnobody\nadm',
  );
});

test("docker exec -i gives the command the client's input, to its end (S088)", { skip }, async () => {
  await engine.started('main', 'busybox', 'sleep', '100');
  const input = randomBytes(8 << 20);
  const { stdout } = await engine.docker(['exec', '-i', 'main', 'sha256sum'], { input });
  assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));
  assert.equal((await engine.docker(['exec', 'main', 'wc', '-c'], { input })).stdout, '0\n');
});

test('docker exec -d leaves the command running in the container (S088)', { skip }, async () => {
  await engine.started('main', 'busybox', 'sleep', '100');
  assert.equal(await engine.ok('exec', '-d', 'main', 'sh', '-c', 'echo done > /marker; sleep 99'), '');
  await until(
    'the marker',
    async () => (await engine.docker(['exec', 'main', 'cat', '/marker'])).stdout === 'done\n',
  );
  assert.match(await engine.ok('top', 'main'), /sleep 99/);
});

test('docker exec: 126 and 127 for commands that cannot run; containers that are not there or do not run (S088)', {
  skip,
}, async () => {
  await engine.started('main', 'busybox', 'sleep', '100');
  const unknown = await engine.docker(['exec', 'main', 'nosuch']);
  assert.equal(unknown.code, 127, unknown.stderr);
  assert.match(
    unknown.stdout + unknown.stderr,
    /OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in \$PATH: unknown/,
  );
  assert.equal((await engine.docker(['exec', 'main', '/etc'])).code, 126);
  const user = await engine.docker(['exec', '-u', 'nosuchuser', 'main', 'true']);
  assert.equal(user.code, 126);
  assert.match(
    user.stdout + user.stderr,
    /unable to find user nosuchuser: no matching entries in passwd file/,
  );
  const absent = await engine.refused('exec', 'nosuch', 'true');
  assert.equal(absent.code, 1);
  assert.match(absent.stderr, /^Error response from daemon: No such container: nosuch/);
  await engine.ok('create', '--name', 'made', 'busybox');
  assert.match(
    (await engine.refused('exec', 'made', 'true')).stderr,
    /^Error response from daemon: container [0-9a-f]{64} is not running/,
  );
});

test('docker exec: the end of the container ends the command, and the client sees it (S088)', {
  skip,
}, async () => {
  await engine.started('main', 'busybox', 'sleep', '100');
  await using client = liveDocker(engine.daemon, 'exec', 'main', 'sh', '-c', 'echo in; sleep 100');
  await client.shows(/in/);
  await engine.ok('kill', 'main');
  assert.equal(await client.ended(), 137);
});

test('docker exec --privileged has all capabilities, an ordinary one those of the container (S088)', {
  skip,
}, async () => {
  await engine.started('main', '--cap-drop', 'ALL', 'busybox', 'sleep', '100');
  const caps = (...words: string[]): Promise<string> =>
    engine.ok('exec', ...words, 'main', 'grep', 'CapEff', '/proc/self/status');
  const bounding = /CapBnd:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  assert.equal(await caps(), 'CapEff:\t0000000000000000');
  assert.match(await caps('--privileged'), new RegExp(`^CapEff:\t${bounding}$`));
});

test('thirty docker exec at once each end with their own status (S088)', { skip }, async () => {
  await engine.started('main', 'busybox', 'sleep', '100');
  const codes = await Promise.all(
    Array.from(
      { length: 30 },
      async (_, index) => (await engine.docker(['exec', 'main', 'sh', '-c', `exit ${index}`])).code,
    ),
  );
  assert.deepEqual(
    codes,
    codes.map((_, index) => index),
  );
});

test('docker attach shows what the main process writes from then on, and ends with its status (S090)', {
  skip,
}, async () => {
  await engine.started(
    'talk',
    '-i',
    'busybox',
    'sh',
    '-c',
    'while [ "$line" != last ]; do read line; echo "<$line>"; done; exit 5',
  );
  await using one = liveDocker(engine.daemon, 'attach', 'talk');
  await using two = liveDocker(engine.daemon, 'attach', '--no-stdin', 'talk');
  await until('both clients are attached', async () => {
    one.write('hello\n');
    await new Promise(resolve => setTimeout(resolve, 50));
    return one.stdout.includes('<hello>') && two.stdout.includes('<hello>');
  });
  one.write('last\n');
  await two.shows(/<last>\n$/);
  assert.equal(await one.ended(), 5);
  assert.equal(await two.ended(), 5);
});

test('docker attach without --sig-proxy=false hands Ctrl-C on; containers that do not run are refused (S090)', {
  skip,
}, async () => {
  const script = 'trap "exit 7" INT; echo ready; while :; do echo tick; sleep 0.05; done';
  await engine.started('loop', 'busybox', 'sh', '-c', script);
  await using client = liveDocker(engine.daemon, 'attach', 'loop');
  await client.shows(/tick/);
  client.signal('SIGINT');
  assert.equal(await client.ended(), 7);
  assert.match(
    (await engine.refused('attach', 'loop')).stderr,
    /cannot attach to a stopped container, start it first/,
  );
});

test('a client that is killed does not stop the container', { skip }, async () => {
  await using client = liveDocker(
    engine.daemon,
    'run',
    '--name',
    'goes-on',
    'busybox',
    'sh',
    '-c',
    'while :; do echo tick; sleep 0.05; done',
  );
  await client.shows(/tick/);
  client.signal('SIGKILL');
  await client.ended();
  const before = (await engine.ok('logs', 'goes-on')).length;
  await until('more output', async () => (await engine.ok('logs', 'goes-on')).length > before);
});

test('the input of a container that was left without a client is kept open for the next (S070)', {
  skip,
}, async () => {
  await engine.started('cat', '-i', 'busybox', 'cat');
  await using client = liveDocker(engine.daemon, 'attach', 'cat');
  client.write('one\n');
  await client.shows(/one\n/);
  client.signal('SIGKILL');
  await client.ended();
  assert.equal(await engine.inspect('cat', '{{.State.Running}}'), 'true');
  await using next = liveDocker(engine.daemon, 'attach', 'cat');
  next.write('two\n');
  await next.shows(/two\n/);
});

test('containers that a new engine adopted can be attached to, executed in and stopped (S090)', {
  skip,
}, async () => {
  await engine.started(
    'kept',
    '-i',
    'busybox',
    'sh',
    '-c',
    'trap "exit 4" TERM; while :; do read -t 1 line && echo "<$line>"; done',
  );
  await engine.daemon.kill9();
  await engine.daemon.start();
  await using client = liveDocker(engine.daemon, 'attach', 'kept');
  await until('an answer', async () => {
    client.write('hello\n');
    await new Promise(resolve => setTimeout(resolve, 50));
    return client.stdout.includes('<hello>');
  });
  assert.equal(await engine.ok('exec', 'kept', 'echo', 'inside'), 'inside');
  await engine.ok('stop', 'kept');
  assert.equal(await client.ended(), 4);
  assert.equal(await engine.inspect('kept', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 4');
});

test('quai exec, logs -f, events and stats whose engine is killed say that what they showed runs on', {
  skip,
}, async () => {
  await engine.started('alone', 'busybox', 'sh', '-c', 'echo out; exec sleep 1000');
  const env = engine.daemon.clientEnv;
  await using exec = new LiveProgram(QUAI, ['exec', 'alone', 'sh', '-c', 'echo in; exec sleep 999'], env);
  await using logs = new LiveProgram(QUAI, ['logs', '-f', 'alone'], env);
  await using events = new LiveProgram(QUAI, ['events', '--since', '1'], env);
  await using stats = new LiveProgram(QUAI, ['stats', 'alone'], env);
  await exec.shows(/in\n/);
  await logs.shows(/out\n/);
  await events.shows(/ container start /);
  await stats.shows(/alone +\d/);
  await engine.daemon.kill9();
  assert.equal(await exec.ended(), 125);
  assert.match(
    exec.stderr,
    /^lost the connection to the engine while the command ran in container alone; it runs on/,
  );
  for (const stream of [logs, events, stats]) {
    assert.equal(await stream.ended(), 1);
    assert.match(stream.stderr, /containers run on without it; call this again when it is back\n$/);
  }
  await engine.daemon.start();
  assert.match(await engine.ok('top', 'alone'), /sleep 999/);
});
