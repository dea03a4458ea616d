import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';
import { liveDocker } from './live-program.ts';

const engine = compatEngine();
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z`;

test('docker logs shows what a container wrote, each stream on its own (S382)', { skip }, async () => {
  await engine.docker([
    'run',
    '--name',
    'failed',
    'busybox',
    'sh',
    '-c',
    'echo start; echo "error: no password given" >&2; exit 1',
  ]);
  const { stdout, stderr } = await engine.docker(['logs', 'failed']);
  assert.deepEqual([stdout, stderr], ['start\n', 'error: no password given\n']);
  assert.match(await engine.ok('ps', '-a', '--format', '{{.Status}}'), /^Exited \(1\) /);
  assert.match((await engine.refused('logs', 'nosuch')).stderr, /No such container: nosuch/);
});

test('docker logs --tail, --timestamps, --details', { skip }, async () => {
  await engine.ok(
    'run',
    '--name',
    'lines',
    '-l',
    'tier=web',
    '-e',
    'KIND=x',
    '--log-opt',
    'labels=tier',
    '--log-opt',
    'env=KIND',
    'busybox',
    'seq',
    '1',
    '100',
  );
  assert.equal(await engine.ok('logs', '--tail', '3', 'lines'), '98\n99\n100');
  assert.equal(await engine.ok('logs', '--tail', '0', 'lines'), '');
  assert.equal((await engine.ok('logs', '--tail', 'all', 'lines')).split('\n').length, 100);
  assert.match(await engine.ok('logs', '-t', '--tail', '1', 'lines'), new RegExp(`^${TIME} 100$`));
  assert.equal(await engine.ok('logs', '--details', '--tail', '1', 'lines'), 'KIND=x,tier=web 100');
});

test('docker logs --since and --until cut by time, given as time stamp or as age', { skip }, async () => {
  await engine.ok(
    'run',
    '--name',
    'lines',
    'busybox',
    'sh',
    '-c',
    'echo one; sleep 0.3; echo two; sleep 0.3; echo three',
  );
  const times = (await engine.ok('logs', '-t', 'lines')).split('\n').map(line => line.split(' ')[0] ?? '');
  const [, second = ''] = times;
  assert.equal(await engine.ok('logs', '--since', second, 'lines'), 'two\nthree');
  assert.equal(await engine.ok('logs', '--until', second, 'lines'), 'one\ntwo');
  assert.equal(await engine.ok('logs', '--since', second, '--until', second, 'lines'), 'two');
  assert.equal(await engine.ok('logs', '--since', '1h', 'lines'), 'one\ntwo\nthree');
  assert.equal(await engine.ok('logs', '--until', '1h', 'lines'), '');
});

test('docker logs -f shows lines as they come, and ends when the container does', { skip }, async () => {
  await engine.started(
    'ticks',
    'busybox',
    'sh',
    '-c',
    'for i in 1 2 3 4 5; do echo tick $i; sleep 0.1; done',
  );
  await using client = liveDocker(engine.daemon, 'logs', '-f', '--tail', '1', 'ticks');
  await client.shows(/tick 5/);
  assert.equal(await client.ended(), 0);
  assert.equal(await engine.ok('logs', '-f', 'ticks'), 'tick 1\ntick 2\ntick 3\ntick 4\ntick 5');
});

test('docker logs goes across rotated files, in order; --tail too', { skip }, async () => {
  const options = ['--log-opt', 'max-size=20k', '--log-opt', 'max-file=50'];
  await engine.ok(
    'run',
    '--name',
    'long',
    ...options,
    'busybox',
    'sh',
    '-c',
    'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line number $i"; done',
  );
  const lines = (await engine.ok('logs', 'long')).split('\n');
  assert.deepEqual(
    lines,
    Array.from({ length: 3000 }, (_, index) => `line number ${index + 1}`),
  );
  assert.equal((await engine.ok('logs', '--tail', '2000', 'long')).split('\n')[0], 'line number 1001');
});

test('docker logs of a container with a terminal are raw; long lines and lines without end come whole', {
  skip,
}, async () => {
  await engine.ok('run', '-t', '--name', 'tty', 'busybox', 'echo', 'text');
  assert.equal((await engine.docker(['logs', 'tty'])).stdout, 'text\r\n');
  await engine.ok(
    'run',
    '--name',
    'long',
    'busybox',
    'sh',
    '-c',
    'head -c 100000 /dev/zero | tr "\\0" x; echo; printf end',
  );
  const { stdout } = await engine.docker(['logs', 'long']);
  assert.equal(stdout.length, 100_000 + 1 + 3);
  assert.match(stdout, /^x{100000}\nend$/);
});

test('--log-driver none keeps no log and says so; unknown drivers and options are refused', {
  skip,
}, async () => {
  await engine.ok('run', '--name', 'quiet', '--log-driver', 'none', 'busybox', 'echo', 'hi');
  assert.match(
    (await engine.refused('logs', 'quiet')).stderr,
    /configured logging driver does not support reading/,
  );
  await engine.refused('run', '--log-driver', 'nosuch', 'busybox', 'true');
  assert.match(
    (await engine.refused('run', '--log-opt', 'nosuch=1', 'busybox', 'true')).stderr,
    /unknown log opt 'nosuch' for json-file log driver/,
  );
});

test('docker events --since --until replays what happened, with attributes', { skip }, async () => {
  const since = (Date.now() / 1000).toFixed(3);
  const id = await engine.started('actor', '-l', 'tier=web', 'busybox', 'sh', '-c', 'exit 3');
  await engine.ok('wait', 'actor');
  await engine.ok('rename', 'actor', 'player');
  await engine.ok('rm', 'player');
  const until = (Date.now() / 1000).toFixed(3);
  const all = await engine.ok(
    'events',
    '--since',
    since,
    '--until',
    until,
    '-f',
    `container=${id}`,
    '--format',
    '{{.Action}}',
  );
  assert.equal(all, 'create\nstart\ndie\nrename\ndestroy');
  const die = await engine.ok(
    'events',
    '--since',
    since,
    '--until',
    until,
    '-f',
    'event=die',
    '-f',
    'label=tier=web',
    '-f',
    'type=container',
    '--format',
    'json',
  );
  const event = JSON.parse(die) as {
    Actor: { ID: string; Attributes: Record<string, string> };
    timeNano: number;
  };
  assert.equal(event.Actor.ID, id);
  assert.equal(event.Actor.Attributes['exitCode'], '3');
  assert.equal(event.Actor.Attributes['name'], 'actor');
  assert.equal(event.Actor.Attributes['tier'], 'web');
  assert.equal(event.Actor.Attributes['image'], 'busybox');
  const plain = await engine.ok('events', '--since', since, '--until', until, '-f', 'event=rename');
  assert.match(
    plain,
    new RegExp(`^\\S+ container rename ${id} \\(image=busybox, name=player, oldName=/actor, tier=web\\)$`),
  );
});

test('docker events follows what happens: exec, kill, volumes and images', {
  skip,
}, async () => {
  await using watcher = liveDocker(engine.daemon, 'events', '--format', '{{.Type}} {{.Action}}');
  await until('the watcher watches', async () => {
    await engine.ok('volume', 'create', 'seen');
    await engine.ok('volume', 'rm', 'seen');
    return watcher.stdout.includes('volume destroy');
  });
  await engine.started('actor', '-v', '/data', 'busybox', 'sleep', '100');
  await engine.ok('exec', 'actor', 'true');
  await engine.ok('tag', 'busybox', 'other:1');
  await engine.ok('rmi', 'other:1');
  await engine.ok('kill', 'actor');
  await watcher.shows(/container die/);
  for (const word of [
    'volume create',
    'volume destroy',
    'container exec_create: true',
    'container exec_start: true',
    'container exec_die',
    'image tag',
    'image untag',
    'container kill',
  ]) {
    assert.match(watcher.stdout, new RegExp(`^${word}`, 'm'));
  }
});

test('health checks: starting, (healthy), (unhealthy) in ps, their log, and events', { skip }, async () => {
  await using watcher = liveDocker(
    engine.daemon,
    'events',
    '-f',
    'event=health_status',
    '--format',
    '{{.Action}}',
  );
  const options = [
    '--health-cmd',
    'test -e /ok && echo fine',
    '--health-interval',
    '100ms',
    '--health-retries',
    '2',
    '--health-timeout',
    '5s',
  ];
  await engine.started('checked', ...options, 'busybox', 'sleep', '100');
  assert.match(await engine.ok('ps', '--format', '{{.Status}}'), /^Up .* \((health: starting|unhealthy)\)$/);
  await until(
    'unhealthy',
    async () => (await engine.inspect('checked', '{{.State.Health.Status}}')) === 'unhealthy',
  );
  await engine.ok('exec', 'checked', 'touch', '/ok');
  await until(
    'healthy',
    async () =>
      (await engine.inspect('checked', '{{.State.Health.Status}} {{.State.Health.FailingStreak}}')) ===
      'healthy 0',
  );
  assert.match(
    await engine.ok('ps', '--format', '{{.Status}}', '-f', 'health=healthy'),
    /^Up .* \(healthy\)$/,
  );
  assert.match(
    await engine.inspect('checked', '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}'),
    /0 fine\n$/,
  );
  await watcher.shows(/health_status: unhealthy\nhealth_status: healthy/);
});

test('health checks: of the image, switched off, in a start period, and too slow', { skip }, async () => {
  await loadImage(engine, {
    tags: ['checked'],
    config: { Cmd: ['sleep', '100'], Healthcheck: { Test: ['CMD', 'true'], Interval: 100_000_000 } },
  });
  const health = (name: string): Promise<string> =>
    engine.inspect(name, '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}');
  await engine.started('image', 'checked');
  await engine.started('off', '--no-healthcheck', 'checked');
  const fast = ['--health-interval', '100ms', '--health-retries', '1'];
  await engine.started(
    'period',
    ...fast,
    '--health-cmd',
    'false',
    '--health-start-period',
    '60s',
    '--health-start-interval',
    '100ms',
    'checked',
  );
  await engine.started('slow', ...fast, '--health-cmd', 'sleep 50', '--health-timeout', '200ms', 'checked');
  await until('healthy', async () => (await health('image')) === 'healthy');
  await until('unhealthy', async () => (await health('slow')) === 'unhealthy');
  assert.match(
    await engine.inspect('slow', '{{json (index .State.Health.Log 0)}}'),
    /Health check exceeded timeout \(200ms\)/,
  );
  assert.equal(await health('off'), 'none');
  assert.equal(await health('period'), 'starting');
  await until(
    'a few probes',
    async () => Number(await engine.inspect('period', '{{len .State.Health.Log}}')) >= 2,
  );
});
