import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

async function state(name: string): Promise<string> {
  return await engine.inspect(name, '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}');
}

test('--restart=always starts a container again, whatever its status; docker stop holds (S076)', {
  skip,
}, async () => {
  await engine.started('svc', '--restart=always', 'busybox', 'sh', '-c', 'echo run; sleep 0.1');
  await until('three runs', async () => (await engine.ok('logs', 'svc')).split('\n').length >= 3);
  assert.ok(Number(await engine.inspect('svc', '{{.RestartCount}}')) >= 2);
  await engine.ok('stop', '-t', '0', 'svc');
  const runs = await engine.ok('logs', 'svc');
  await new Promise(resolve => setTimeout(resolve, 600));
  assert.equal(await engine.ok('logs', 'svc'), runs);
  assert.equal(
    await engine.inspect('svc', '{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}'),
    'exited always',
  );
});

test('--restart=always survives a kill of the process and of the engine (S076)', { skip }, async () => {
  await engine.started('svc', '--restart', 'always', 'busybox', 'sleep', '100');
  const pid = await engine.inspect('svc', '{{.State.Pid}}');
  process.kill(Number(pid), 'SIGKILL');
  await until('another process', async () => {
    const [isRunning, now] = (await engine.inspect('svc', '{{.State.Running}} {{.State.Pid}}')).split(' ');
    return isRunning === 'true' && now !== pid && now !== '0'; // 0: between two runs
  });
  const second = await engine.inspect('svc', '{{.State.Pid}}');
  await engine.daemon.kill9();
  await engine.daemon.start();
  assert.equal(await engine.inspect('svc', '{{.State.Pid}}'), second);
});

test('docker kill of a container with --restart=always stops it, as Docker does', { skip }, async () => {
  await engine.started('svc', '--restart', 'always', 'busybox', 'sleep', '100');
  await engine.ok('kill', 'svc');
  await until('the end', async () => (await state('svc')) === 'exited 137 0');
  await new Promise(resolve => setTimeout(resolve, 300));
  assert.equal(await state('svc'), 'exited 137 0');
});

test('--restart=on-failure:2 tries twice; not after success; no is the default (S076)', {
  skip,
}, async () => {
  await engine.started('fails', '--restart', 'on-failure:2', 'busybox', 'sh', '-c', 'exit 3');
  await engine.started('works', '--restart', 'on-failure', 'busybox', 'true');
  await engine.started('plain', 'busybox', 'sh', '-c', 'exit 3');
  await until('two restarts', async () => (await state('fails')) === 'exited 3 2');
  assert.equal(await state('works'), 'exited 0 0');
  assert.equal(await state('plain'), 'exited 3 0');
});

test('a container between two runs shows Restarting, and can be stopped and removed', { skip }, async () => {
  await engine.started('loops', '--restart', 'always', 'busybox', 'sh', '-c', 'exit 5');
  await until('the wait between', async () =>
    (await engine.ok('ps', '-a', '--format', '{{.Status}}')).startsWith('Restarting (5) '),
  );
  await until('a long wait', async () => Number(await engine.inspect('loops', '{{.RestartCount}}')) >= 2);
  await engine.ok('stop', 'loops');
  assert.match(await engine.ok('ps', '-a', '--format', '{{.Status}}'), /^Exited \(5\)/);
  await engine.ok('start', 'loops');
  await engine.ok('rm', '-f', 'loops');
});

test('--restart=unless-stopped comes back with the engine unless it was stopped by hand (S076)', {
  skip,
}, async () => {
  for (const name of ['ran', 'stopped'])
    await engine.started(name, '--restart', 'unless-stopped', 'busybox', 'sleep', '100');
  await engine.ok('stop', '-t', '0', 'stopped');
  const pid = Number(await engine.inspect('ran', '{{.State.Pid}}'));
  await engine.daemon.stop();
  process.kill(pid, 'SIGKILL');
  await engine.daemon.start();
  await until('the restart', async () => (await engine.inspect('ran', '{{.State.Running}}')) === 'true');
  assert.match(await state('stopped'), /^exited/);
});

test('--restart is checked: unknown policies, counts, and --rm beside it', { skip }, async () => {
  const refused = async (...words: string[]): Promise<string> =>
    (await engine.refused('run', ...words, 'busybox', 'true')).stderr;
  assert.match(
    await refused('--restart', 'sometimes'),
    /invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'/,
  );
  assert.match(
    await refused('--restart', 'always:3'),
    /maximum retry count can only be used with 'on-failure'/,
  );
  assert.match(await refused('--restart', 'on-failure:-1'), /maximum retry count cannot be negative/);
  assert.match(await refused('--restart', 'always', '--rm'), /[Cc]onflicting options/);
});

test('docker wait on a restarting container tells the next end', { skip }, async () => {
  await engine.started('waits', '--restart', 'on-failure:1', 'busybox', 'sh', '-c', 'sleep 0.2; exit 6');
  assert.equal(await engine.ok('wait', 'waits'), '6');
});
