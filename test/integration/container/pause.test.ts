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
    // They wait until they are wanted, and are busy for seconds at most: other tests run on this machine.
    Cmd: ['sh', '-c', 'for i in $(seq 40); do (while :; do :; done) & done; touch /ready; sleep 2; kill 0'],
    HostConfig: { NetworkMode: 'none' },
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
