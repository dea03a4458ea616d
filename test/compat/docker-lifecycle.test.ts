import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';
import { liveDocker } from './live-program.ts';

const engine = compatEngine();

test('docker start runs a stopped container again, with what it had written (S046, S062)', {
  skip,
}, async () => {
  const script = 'echo run >> /runs; cat /runs';
  await engine.ok('run', '--name', 'again', 'busybox', 'sh', '-c', script);
  assert.equal(await engine.ok('start', 'again'), 'again');
  await engine.ok('wait', 'again');
  assert.equal(await engine.ok('start', '-a', 'again'), 'run\nrun\nrun');
  assert.equal((await engine.docker(['start', 'again', 'nosuch'])).code, 1);
});

test('docker start of a running container, and stop of a stopped one, end well (S046, S047)', {
  skip,
}, async () => {
  await engine.started('steady', 'busybox', 'sleep', '100');
  assert.equal(await engine.ok('start', 'steady'), 'steady');
  await engine.ok('stop', '-t', '0', 'steady');
  assert.equal(await engine.ok('stop', 'steady'), 'steady');
});

test('docker start -a ends with the status of the process; -ai gives it input (S046)', { skip }, async () => {
  await engine.ok('create', '-i', '--name', 'cat', 'busybox', 'sh', '-c', 'cat; exit 4');
  const { code, stdout } = await engine.docker(['start', '-ai', 'cat'], { input: 'typed\n' });
  assert.deepEqual([code, stdout], [4, 'typed\n']);
});

test('docker stop sends SIGTERM and lets the process end itself (S047)', { skip }, async () => {
  await engine.started(
    'polite',
    'busybox',
    'sh',
    '-c',
    'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done',
  );
  await until('ready', async () => (await engine.ok('logs', 'polite')) === 'ready');
  assert.equal(await engine.ok('stop', 'polite'), 'polite');
  assert.equal(await engine.ok('logs', 'polite'), 'ready\nbye');
  assert.equal(
    await engine.inspect('polite', '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}'),
    'exited 5 0',
  );
});

test('docker stop sends SIGKILL after its time, given by -t, --stop-timeout or the default (S047)', {
  skip,
}, async () => {
  const stubborn = ['busybox', 'sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'];
  await engine.started('option', '--stop-timeout', '1000', ...stubborn);
  await engine.started('config', '--stop-timeout', '1', ...stubborn);
  await until('ready', async () => (await engine.ok('logs', 'config')) === 'ready');
  await engine.ok('stop', '-t', '0', 'option');
  const begun = Date.now();
  await engine.ok('stop', 'config');
  assert.ok(Date.now() - begun >= 1000 && Date.now() - begun < 9500, 'not the ten seconds of the default');
  assert.equal(await engine.inspect('config', '{{.State.ExitCode}} {{.Config.StopTimeout}}'), '137 1');
});

test('a negative time waits for as long as it takes, and docker kill ends that (S047)', {
  skip,
}, async () => {
  const stubborn = ['busybox', 'sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'];
  for (const command of ['restart', 'stop'] as const) {
    await engine.started(command, ...stubborn);
    await until('ready', async () => (await engine.ok('logs', command)) === 'ready');
    const pid = await engine.inspect(command, '{{.State.Pid}}');
    await using waiting = liveDocker(engine.daemon, command, '-t', '-5', command);
    const told = ['--since', '1h', '--filter', `container=${command}`, '--filter', 'event=kill'];
    await until('it was told to end', async () => {
      const now = String(Date.now() / 1000);
      return (await engine.ok('events', '--until', now, ...told)).includes('signal=15');
    });
    assert.equal(waiting.hasEnded, false);
    await engine.ok('kill', command);
    assert.equal(await waiting.ended(), 0, waiting.stderr);
    if (command === 'stop') assert.equal(await engine.inspect(command, '{{.State.ExitCode}}'), '137');
    else assert.notEqual(await engine.inspect(command, '{{.State.Running}} {{.State.Pid}}'), `true ${pid}`);
  }
});

test('docker stop sends the signal of --stop-signal, of the image, or of -s (S047)', { skip }, async () => {
  const script =
    'trap "exit 11" USR1; trap "exit 12" USR2; trap "exit 10" HUP; echo ready; while :; do sleep 0.05; done';
  await loadImage(engine, { tags: ['signal'], config: { Cmd: ['sh', '-c', script], StopSignal: 'SIGUSR2' } });
  await engine.started('option', '--stop-signal', 'USR1', 'signal');
  await engine.started('image', 'signal');
  await engine.started('request', 'signal');
  for (const name of ['option', 'image', 'request']) {
    await until('ready', async () => (await engine.ok('logs', name)) === 'ready');
  }
  await engine.ok('stop', 'option', 'image');
  await engine.ok('stop', '-s', 'HUP', 'request');
  const codes = await Promise.all(
    ['option', 'image', 'request'].map(name => engine.inspect(name, '{{.State.ExitCode}}')),
  );
  assert.deepEqual(codes, ['11', '12', '10']);
});

test('docker kill sends SIGKILL, or the signal of -s by name or number (S048)', { skip }, async () => {
  await engine.started('plain', 'busybox', 'sleep', '100');
  assert.equal(await engine.ok('kill', 'plain'), 'plain');
  assert.equal(
    await engine.inspect('plain', '{{.State.Status}} {{.State.ExitCode}}'),
    'exited 137',
    'at once',
  );
  for (let round = 0; round < 5; round += 1) {
    await engine.ok('start', 'plain');
    await engine.ok('kill', 'plain');
    await engine.ok(...(round < 4 ? ['start', 'plain'] : ['rm', 'plain']));
    if (round < 4) await engine.ok('kill', '-s', 'KILL', 'plain');
  }
  const script = 'trap "echo usr1" USR1; trap "exit 6" INT; echo ready; while :; do sleep 0.05; done';
  await engine.started('trapped', 'busybox', 'sh', '-c', script);
  await until('ready', async () => (await engine.ok('logs', 'trapped')) === 'ready');
  await engine.ok('kill', '-s', 'SIGUSR1', 'trapped');
  await until('usr1', async () => (await engine.ok('logs', 'trapped')) === 'ready\nusr1');
  await engine.ok('kill', '-s', '2', 'trapped');
  assert.equal(await engine.ok('wait', 'trapped'), '6');
  const dead = await engine.refused('kill', 'trapped');
  assert.match(
    dead.stderr,
    /^Error response from daemon: cannot kill container: trapped: container [0-9a-f]{64} is not running/m,
  );
  await engine.ok('start', 'trapped');
  assert.match((await engine.refused('kill', '-s', 'NOSUCH', 'trapped')).stderr, /[Ii]nvalid signal: NOSUCH/);
});

test('docker rm removes stopped containers completely, and refuses running ones (S049, S386)', {
  skip,
}, async () => {
  await engine.ok('run', '--name', 'one', 'busybox', 'true');
  await engine.ok('create', '--name', 'two', 'busybox', 'true');
  assert.equal(await engine.ok('rm', 'one', 'two'), 'one\ntwo');
  assert.match((await engine.refused('inspect', 'one')).stderr, /No such object: one/);
  const id = await engine.started('runs', 'busybox', 'sleep', '100');
  const { code, stderr } = await engine.refused('rm', 'runs');
  assert.equal(code, 1);
  assert.equal(
    stderr.trim(),
    `Error response from daemon: cannot remove container "/runs": container is running: stop the container before removing or force remove`,
  );
  assert.equal(await engine.ok('rm', '-f', id.slice(0, 12)), id.slice(0, 12));
  assert.match(
    (await engine.refused('rm', 'runs')).stderr,
    /Error response from daemon: No such container: runs/,
  );
  assert.equal((await engine.docker(['rm', '-f', 'nosuch'])).code, 0);
});

test("docker ps lists running containers in Docker's columns; -a all of them, with words for their state (S050, S051, S052, S053, S055)", {
  skip,
}, async () => {
  await engine.started('up', '-p', '127.0.0.1::80', '--expose', '90', 'busybox', 'sleep', '100');
  await engine.ok('create', '--name', 'made', 'busybox', 'true');
  await engine.docker(['run', '--name', 'over', 'busybox', 'sh', '-c', 'exit 3']);
  const [head = '', ...rows] = (await engine.ok('ps')).split('\n');
  assert.match(head, /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
  assert.equal(rows.length, 1);
  assert.match(
    rows[0] ?? '',
    /^[0-9a-f]{12} +busybox +"sleep 100" +(\d+ seconds?|Less than a second) ago +Up (\d+ seconds?|Less than a second) +90\/tcp, 127\.0\.0\.1:\d+->80\/tcp +up$/,
  );
  const all = (await engine.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')).split('\n');
  assert.equal(all.length, 3);
  assert.match(all[0] ?? '', /^over Exited \(3\) (\d+ seconds?|Less than a second) ago$/);
  assert.equal(all[1], 'made Created');
  assert.match(all[2] ?? '', /^up Up /);
});

test('docker ps quotes commands and cuts them with an ellipsis (S054)', { skip }, async () => {
  await engine.ok('create', '--name', 'cow', 'busybox', 'cowsay', 'What did the cow say?');
  assert.equal(await engine.ok('ps', '-a', '--format', '{{.Command}}'), '"cowsay \'What did th…"');
  assert.equal(
    await engine.ok('ps', '-a', '--no-trunc', '--format', '{{.Command}}'),
    '"cowsay \'What did the cow say?\'"',
  );
});

test('docker ps --filter, --format, -q, -n, -l, -s (S050)', { skip }, async () => {
  const up = await engine.started('up-1', '-l', 'tier=web', 'busybox', 'sleep', '100');
  await engine.docker([
    'run',
    '--name',
    'over',
    '-l',
    'tier=db',
    'busybox',
    'sh',
    '-c',
    'echo 1234 > /file; exit 3',
  ]);
  await engine.ok('create', '--name', 'made', 'busybox', 'true');
  const names = async (...words: string[]): Promise<string> =>
    (await engine.ok('ps', '--format', '{{.Names}}', ...words)).split('\n').sort().join(' ');
  assert.equal(await names(), 'up-1');
  assert.equal(await names('-a', '-f', 'status=exited'), 'over');
  assert.equal(await names('-a', '-f', 'status=created', '-f', 'status=running'), 'made up-1');
  assert.equal(await names('-a', '-f', 'label=tier'), 'over up-1');
  assert.equal(await names('-a', '-f', 'label=tier=db'), 'over');
  assert.equal(await names('-a', '-f', 'exited=3'), 'over');
  assert.equal(await names('-a', '-f', 'name=^up-'), 'up-1');
  assert.equal(await names('-a', '-f', 'ancestor=busybox'), 'made over up-1');
  assert.equal(await names('-a', '-f', `id=${up.slice(0, 12)}`), 'up-1');
  assert.equal(await names('-a', '-f', 'before=over'), 'up-1');
  assert.equal(await names('-a', '-f', 'since=over'), 'made');
  assert.equal(await names('-n', '2'), 'made over');
  assert.equal(await names('-l'), 'made');
  assert.equal(await engine.ok('ps', '-q'), up.slice(0, 12));
  assert.equal(await engine.ok('ps', '-q', '--no-trunc'), up);
  assert.match(
    await engine.ok('ps', '-as', '-f', 'name=over', '--format', '{{.Size}}'),
    /^5B \(virtual \d+(\.\d+)?MB\)$/,
  );
  assert.equal(JSON.parse(await engine.ok('ps', '--format', 'json')).Names, 'up-1');
  assert.match((await engine.refused('ps', '-f', 'nosuch=1')).stderr, /invalid filter 'nosuch'/);
});

test('names: given ones, made-up adjective_surname ones, and short IDs (S056, S057, S058)', {
  skip,
}, async () => {
  const ids = await Promise.all(Array.from({ length: 5 }, () => engine.ok('create', 'busybox')));
  const names = await Promise.all(ids.map(id => engine.inspect(id.slice(0, 12), '{{.Name}}')));
  assert.equal(new Set(ids).size, 5);
  assert.equal(new Set(names).size, 5);
  for (const name of names) assert.match(name, /^\/[a-z]+_[a-z]+\d?$/);
  for (const id of ids) assert.equal(await engine.inspect(id.slice(0, 5), '{{.Id}}'), id);
});

test('docker rename: new name works, old one is free, a taken one is refused (S056)', { skip }, async () => {
  await engine.started('old', 'busybox', 'sleep', '100');
  await engine.ok('create', '--name', 'taken', 'busybox');
  const { stderr } = await engine.refused('rename', 'old', 'taken');
  assert.match(
    stderr,
    /Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"\. You have to remove \(or rename\) that container to be able to reuse that name\./,
  );
  await engine.ok('rename', 'old', 'new');
  assert.equal(await engine.inspect('new', '{{.State.Running}}'), 'true');
  await engine.ok('create', '--name', 'old', 'busybox');
});

test('a configuration does not change after creation, whatever happens to the image (S061)', {
  skip,
}, async () => {
  await loadImage(engine, { tags: ['fixed'], config: { Cmd: ['echo', 'one'], Labels: { v: '1' } } });
  await engine.ok('create', '--name', 'kept', 'fixed');
  const before = await engine.inspect('kept', '{{json .Config}} {{.Image}}');
  await loadImage(engine, { tags: ['fixed'], config: { Cmd: ['echo', 'two'], Labels: { v: '2' } } });
  assert.equal(await engine.ok('start', '-a', 'kept'), 'one');
  assert.equal(await engine.inspect('kept', '{{json .Config}} {{.Image}}'), before);
  assert.equal(await engine.run('fixed'), 'two');
});

test('changes in a container stay out of its image and of other containers (S024, S059, S302)', {
  skip,
}, async () => {
  await engine.ok('run', '--name', 'writer', 'busybox', 'sh', '-c', 'echo mine > /file; rm /etc/group');
  assert.equal(await engine.run('busybox', 'ls', '/file', '/etc/group').catch(() => 'absent'), 'absent');
  assert.equal(await engine.run('busybox', 'ls', '/etc/group'), '/etc/group');
});

test('a stop of one container does not disturb the others (S065)', { skip }, async () => {
  for (const name of ['a1', 'b1', 'c1']) await engine.started(name, 'busybox', 'sleep', '100');
  const pids = await engine.ok('inspect', '-f', '{{.State.Pid}}', 'a1', 'c1');
  await engine.ok('stop', '-t', '0', 'b1');
  await engine.ok('rm', 'b1');
  assert.equal(await engine.ok('inspect', '-f', '{{.State.Pid}}', 'a1', 'c1'), pids);
  assert.equal(await engine.ok('exec', 'a1', 'echo', 'alive'), 'alive');
});

test('docker restart gives a new process; a stopped container is started by it (S046)', {
  skip,
}, async () => {
  await engine.started('svc', 'busybox', 'sleep', '100');
  const pid = await engine.inspect('svc', '{{.State.Pid}}');
  await engine.ok('restart', '-t', '0', 'svc');
  assert.notEqual(await engine.inspect('svc', '{{.State.Pid}}'), pid);
  assert.equal(await engine.inspect('svc', '{{.State.Running}} {{.RestartCount}}'), 'true 0');
  await engine.ok('stop', '-t', '0', 'svc');
  await engine.ok('restart', 'svc');
  assert.equal(await engine.inspect('svc', '{{.State.Running}}'), 'true');
});

test('docker wait tells the status of each container, also of ended ones', { skip }, async () => {
  await engine.docker(['run', '--name', 'ended', 'busybox', 'sh', '-c', 'exit 4']);
  await engine.started('runs', 'busybox', 'sh', '-c', 'sleep 0.3; exit 7');
  assert.equal(await engine.ok('wait', 'ended', 'runs'), '4\n7');
  assert.match((await engine.refused('wait', 'nosuch')).stderr, /No such container: nosuch/);
});

test('docker pause freezes all processes, unpause lets them go on (S047)', { skip }, async () => {
  await engine.started('frozen', 'busybox', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done');
  await engine.ok('pause', 'frozen');
  assert.match(await engine.ok('ps', '--format', '{{.Status}}'), /^Up .* \(Paused\)$/);
  // What it had written may still be on its way into the log.
  let before = '';
  await until('it writes no more', async () => {
    before = await engine.ok('logs', 'frozen');
    await new Promise(resolve => setTimeout(resolve, 500));
    return (await engine.ok('logs', 'frozen')) === before;
  });
  assert.match(
    (await engine.refused('exec', 'frozen', 'true')).stderr,
    /container .* is paused, unpause the container before exec/,
  );
  await engine.ok('unpause', 'frozen');
  await until('more output', async () => (await engine.ok('logs', 'frozen')).length > before.length);
  await engine.ok('pause', 'frozen');
  assert.match(
    (await engine.refused('rm', 'frozen')).stderr,
    /cannot remove container "\/frozen": container is paused and must be unpaused first/,
  );
  await engine.ok('rm', '-f', 'frozen');
  const polite = 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done';
  for (const how of ['stop', 'kill']) {
    await engine.started(how, 'busybox', 'sh', '-c', polite);
    await until('ready', async () => (await engine.ok('logs', how)) === 'ready');
    await engine.ok('pause', how);
    await engine.ok(how, how);
    assert.equal(await engine.ok('wait', how), how === 'stop' ? '5' : '137', how);
  }
});

test('docker top shows the processes as the host sees them, with the options of ps', { skip }, async () => {
  await engine.started('busy', 'busybox', 'sh', '-c', 'sleep 101 & sleep 102; true');
  const pid = await engine.inspect('busy', '{{.State.Pid}}');
  await until('both', async () => (await engine.ok('top', 'busy')).includes('sleep 102'));
  const [head = '', ...rows] = (await engine.ok('top', 'busy')).split('\n');
  assert.match(head, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
  assert.equal(rows.length, 3);
  assert.ok(
    rows.some(row => new RegExp(`^root +${pid} .* sh -c sleep 101`).test(row)),
    rows.join('\n'),
  );
  const own = await engine.ok('top', 'busy', '-o', 'pid,comm');
  assert.match(own, /^PID +COMMAND\n/);
  await engine.ok('kill', 'busy');
  await engine.ok('wait', 'busy');
  assert.match((await engine.refused('top', 'busy')).stderr, /container [0-9a-f]{64} is not running/);
});

test('docker container prune removes stopped containers and tells what was freed', { skip }, async () => {
  await engine.started('stays', 'busybox', 'sleep', '100');
  const id = await engine.ok('create', 'busybox');
  const labelled = await engine.ok('create', '-l', 'keep', 'busybox');
  const output = await engine.ok('container', 'prune', '-f', '--filter', 'label!=keep');
  assert.match(output, new RegExp(`^Deleted Containers:\n${id}\n\nTotal reclaimed space: 0B$`));
  assert.deepEqual((await engine.ok('ps', '-aq', '--no-trunc')).split('\n').length, 2);
  assert.match(await engine.ok('container', 'prune', '-f'), new RegExp(labelled));
});

test('one main process: its end is the end of the container, whatever else runs there (S063)', {
  skip,
}, async () => {
  await engine.ok('run', '--name', 'main', 'busybox', 'sh', '-c', 'sleep 100 & echo started');
  assert.equal(await engine.inspect('main', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 0');
});

test('docker run does what S064 lists, in that order, and events tell', { skip }, async () => {
  const since = (Date.now() / 1000).toFixed(3);
  await using watcher = liveDocker(
    engine.daemon,
    'events',
    '--since',
    since,
    '--format',
    '{{.Type}} {{.Action}}',
  );
  await engine.ok('run', '--name', 'steps', 'busybox', 'true');
  await watcher.shows(/container die\n/);
  // What the test before has removed may still be told in the same millisecond.
  assert.match(
    watcher.stdout,
    /^((image \w+|container destroy)\n)*container create\ncontainer attach\nnetwork connect\ncontainer start\nnetwork disconnect\ncontainer die\n$/,
  );
});
