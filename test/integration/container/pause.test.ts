import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCgroups } from '#sys/cgroup';
import { isFrozen } from '#sys/cgroup-control';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { until } from '../../support/until.ts';

test('a container that is told to be paused does nothing any more, however many processes it has', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const made = await daemon.call('POST', '/containers/create?name=busy', {
    Image: 'busybox',
    // Little of a processor is enough: other tests run on this machine.
    Cmd: ['sh', '-c', 'for i in $(seq 40); do (while :; do :; done) & done; touch /ready; wait'],
    HostConfig: { NetworkMode: 'none', NanoCpus: 500_000_000 },
  });
  const { Id } = made.body as { Id: string };
  assert.equal((await daemon.call('POST', '/containers/busy/start')).status, 204);
  await until('its processes run', async () =>
    JSON.stringify((await daemon.call('GET', '/containers/busy/changes')).body).includes('/ready'),
  );
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await daemon.call('POST', '/containers/busy/pause')).status, 204);
    assert.equal(isFrozen(detectCgroups(), `/quai/${Id}`), true, `in round ${round}`);
    assert.equal((await daemon.call('POST', '/containers/busy/unpause')).status, 204);
  }
});

interface Healthy {
  readonly State: {
    readonly Health: {
      readonly Status: string;
      readonly Log: readonly { readonly Start: string; readonly ExitCode: number; readonly Output: string }[];
    };
  };
}

test('a container that was paused for longer than a probe may take is as healthy as before', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const millis = 1_000_000;
  const made = await daemon.call('POST', '/containers/create?name=fit', {
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
    Healthcheck: { Test: ['CMD', 'true'], Interval: 200 * millis, Timeout: 5000 * millis, Retries: 1 },
    HostConfig: { NetworkMode: 'none' },
  });
  assert.equal(made.status, 201);
  assert.equal((await daemon.call('POST', '/containers/fit/start')).status, 204);
  const health = async (): Promise<Healthy['State']['Health']> =>
    ((await daemon.call('GET', '/containers/fit/json')).body as Healthy).State.Health;
  await until('it is healthy', async () => (await health()).Status === 'healthy');

  assert.equal((await daemon.call('POST', '/containers/fit/pause')).status, 204);
  const pausedAt = Date.now();
  await until('a probe would have been too late', () => Date.now() - pausedAt > 6000);
  assert.equal((await daemon.call('POST', '/containers/fit/unpause')).status, 204);
  const wokenAt = Date.now();

  await until('it is looked at again', async () =>
    (await health()).Log.some(({ Start }) => Date.parse(Start) > wokenAt),
  );
  const { Status, Log } = await health();
  assert.deepEqual(
    Log.filter(({ ExitCode }) => ExitCode !== 0),
    [],
  );
  assert.equal(Status, 'healthy');
});
