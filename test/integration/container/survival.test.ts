import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findParent, findProcess } from '#sys/process-handle';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { until } from '../../support/until.ts';

const skip = cannotRunContainers;

interface State {
  readonly Status: string;
  readonly Running: boolean;
  readonly ExitCode: number;
  readonly Pid: number;
}
interface Inspected {
  readonly State: State;
  readonly RestartCount: number;
  readonly NetworkSettings: { readonly Ports: Record<string, { HostPort: string }[] | null> };
}

async function start(daemon: TestDaemon, name: string, request: object): Promise<void> {
  const created = await daemon.call('POST', `/containers/create?name=${name}`, {
    Image: 'busybox',
    ...request,
  });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  assert.equal((await daemon.call('POST', `/containers/${name}/start`)).status, 204);
}

async function inspect(daemon: TestDaemon, name: string): Promise<Inspected> {
  const { status, body } = await daemon.call('GET', `/containers/${name}/json`);
  assert.equal(status, 200, `${name} is gone`);
  return body as Inspected;
}

/** The log's lines, without Docker's frames: a terminal's log is raw. */
async function lines(daemon: TestDaemon, name: string): Promise<string[]> {
  const { body } = await daemon.call('GET', `/containers/${name}/logs?stdout=1`);
  return String(body).trim().split('\r\n');
}

test('a killed engine loses and doubles no log line, also across rotation', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await start(daemon, 'ticker', {
    Cmd: [
      'sh',
      '-c',
      'i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo "line $i"; [ $((i % 20)) = 0 ] && usleep 1000; done; sleep 100',
    ],
    Tty: true,
    HostConfig: { LogConfig: { Type: 'json-file', Config: { 'max-size': '60k', 'max-file': '100' } } },
  });
  for (let kills = 0; kills < 3; kills += 1) {
    await new Promise(resolve => setTimeout(resolve, 150));
    await daemon.kill9();
    await daemon.start();
  }
  await until('the last line', async () => (await lines(daemon, 'ticker')).length >= 6000);

  const wanted = Array.from({ length: 6000 }, (_, index) => `line ${index + 1}`);
  assert.deepEqual(await lines(daemon, 'ticker'), wanted);
});

test('containers run on while the engine is away, and their ends are booked when it is back', {
  skip,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const policy = (Name: string): object => ({ HostConfig: { RestartPolicy: { Name } } });
  await start(daemon, 'steady', { Cmd: ['sleep', '100'] });
  await start(daemon, 'ends', { Cmd: ['sh', '-c', 'sleep 0.5; exit 7'] });
  await start(daemon, 'again', { Cmd: ['sh', '-c', 'sleep 0.5; exit 3'], ...policy('on-failure') });
  await start(daemon, 'gone', { Cmd: ['sleep', '0.5'], HostConfig: { AutoRemove: true } });
  const { Pid } = (await inspect(daemon, 'steady')).State;

  await daemon.kill9();
  await new Promise(resolve => setTimeout(resolve, 1000));
  await daemon.start();

  const steady = (await inspect(daemon, 'steady')).State;
  assert.deepEqual([steady.Status, steady.Pid], ['running', Pid], 'the same process is adopted');
  await until('the exit code', async () => (await inspect(daemon, 'ends')).State.ExitCode === 7);
  await until('the restart', async () => (await inspect(daemon, 'again')).RestartCount >= 1);
  await until('the removal', async () => (await daemon.call('GET', '/containers/gone/json')).status === 404);
  assert.equal(
    (await daemon.call('POST', '/containers/steady/stop?t=0')).status,
    204,
    'an adopted container can be stopped',
  );
});

test('a published port answers while the engine is killed, away, and started again', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await start(daemon, 'web', {
    Cmd: ['sh', '-c', 'echo up > /tmp/index.html; exec httpd -f -p 80 -h /tmp'],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '0.0.0.0' }] } },
  });
  const port = (await inspect(daemon, 'web')).NetworkSettings.Ports['80/tcp']?.[0]?.HostPort;
  const url = `http://127.0.0.1:${port}/`;
  await until('the first answer', async () => (await fetch(url).catch(() => undefined))?.ok ?? false);
  let answers = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      assert.equal(await (await fetch(url)).text(), 'up\n');
      answers += 1;
    }
  })();

  await daemon.kill9();
  const whileAway = answers;
  await Promise.race([asking, until('answers without an engine', () => answers > whileAway + 1)]);
  await daemon.start();
  const before = answers;
  await Promise.race([asking, until('more answers', () => before > 0 && answers > before)]);
  isOver = true;
  await asking; // throws if one request failed
});

test('restart policies: growing count, a limit, and a stop by hand that holds', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await start(daemon, 'twice', {
    Cmd: ['false'],
    HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
  });
  await start(daemon, 'unless', {
    Cmd: ['sleep', '100'],
    HostConfig: { RestartPolicy: { Name: 'unless-stopped' } },
  });
  await start(daemon, 'always', { Cmd: ['sleep', '100'], HostConfig: { RestartPolicy: { Name: 'always' } } });
  await until('two restarts and no more', async () => {
    const { RestartCount, State } = await inspect(daemon, 'twice');
    return RestartCount === 2 && State.Status === 'exited' && State.ExitCode === 1;
  });
  for (const name of ['unless', 'always']) {
    assert.equal((await daemon.call('POST', `/containers/${name}/stop?t=0`)).status, 204);
    assert.equal((await inspect(daemon, name)).State.Status, 'exited');
  }

  await daemon.kill9();
  await daemon.start();

  await until('always runs', async () => (await inspect(daemon, 'always')).State.Running);
  assert.equal((await inspect(daemon, 'unless')).State.Running, false);
});

test('a fork bomb in an ordinary container harms nobody', { skip }, async () => {
  await using daemon = await startBusyboxDaemon({ config: { 'default-pids-limit': 50 } });
  await start(daemon, 'bomb', {
    Cmd: ['sh', '-c', 'bomb() { bomb | bomb & }; bomb; exec sleep 100'], // without exec it would end when it cannot fork,
  });
  await start(daemon, 'neighbour', { Cmd: ['sleep', '100'] });
  await until('the limit', async () => {
    const { body } = await daemon.call('GET', '/containers/bomb/top');
    return (body as { Processes?: unknown[] }).Processes?.length !== 0;
  });
  const { status, body } = await daemon.call('GET', '/containers/bomb/top');
  assert.equal(status, 200, JSON.stringify(body));
  assert.ok((body as { Processes: unknown[] }).Processes.length <= 50);
  assert.equal((await inspect(daemon, 'neighbour')).State.Running, true);
  assert.equal((await daemon.call('DELETE', '/containers/bomb?force=1')).status, 204);
});

test('an exec goes on when the engine is killed, however much it writes', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await start(daemon, 'worker', { Cmd: ['sleep', '100'] });
  const work =
    'touch /began; until [ -e /go ]; do usleep 10000; done; head -c 3000000 /dev/zero && touch /wrote';
  const { body } = await daemon.call('POST', '/containers/worker/exec', {
    Cmd: ['sh', '-c', work],
    AttachStdout: true,
    AttachStderr: true,
  });
  const { socket } = await daemon.hijack('POST', `/exec/${(body as { Id: string }).Id}/start`, { body: {} });
  socket.on('error', () => undefined);
  const exists = async (file: string): Promise<boolean> =>
    (await daemon.docker(['exec', 'worker', 'test', '-e', file])).code === 0;
  await until('it runs', () => exists('/began'));
  await daemon.kill9();
  await daemon.start();
  await daemon.docker(['exec', 'worker', 'touch', '/go']);
  await until('it wrote more than a pipe holds', () => exists('/wrote'));
});

test('an exec that loses its supervisor while the engine is away is ended', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await start(daemon, 'worker', { Cmd: ['sleep', '100'] });
  const { body } = await daemon.call('POST', '/containers/worker/exec', { Cmd: ['sleep', '200'] });
  const { Id } = body as { Id: string };
  assert.equal((await daemon.call('POST', `/exec/${Id}/start`, { Detach: true })).status, 200);
  const { Pid } = (await daemon.call('GET', `/exec/${Id}/json`)).body as { Pid: number };
  const conmon = findParent(Pid);
  assert.ok(conmon);
  await daemon.kill9();
  process.kill(conmon.pid, 'SIGKILL');
  await daemon.start();
  await until('it is gone', () => findProcess(Pid) === undefined);
  assert.equal((await inspect(daemon, 'worker')).State.Running, true);
});

test('quai run whose engine is killed says that the container runs on', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  const running = daemon.quai(['run', '--name', 'left', 'busybox', 'sh', '-c', 'echo up; sleep 100']);
  await until('it runs', async () => {
    const { status, body } = await daemon.call('GET', '/containers/left/json');
    return status === 200 && (body as Inspected).State.Running;
  });
  await daemon.kill9();
  const { code, stderr } = await running;
  assert.equal(code, 125);
  assert.match(stderr, /lost the connection to the engine .*it runs on without one\n.*quai logs -f/);
  await daemon.start();
  assert.equal((await inspect(daemon, 'left')).State.Running, true);
});
