import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { until } from '../../support/until.ts';

interface Held {
  readonly netns: number;
  /** how the host's end of its link ends */
  readonly suffix: string;
}

async function startHeld(daemon: TestDaemon, name: string): Promise<Held> {
  const body = { Image: 'busybox', Cmd: ['sleep', '1000'] };
  assert.equal((await daemon.call('POST', `/containers/create?name=${name}`, body)).status, 201);
  assert.equal((await daemon.call('POST', `/containers/${name}/start`)).status, 204);
  const { State, NetworkSettings } = (await daemon.call('GET', `/containers/${name}/json`)).body as {
    State: { Pid: number };
    NetworkSettings: { Networks: { bridge: { EndpointID: string } } };
  };
  const suffix = `-${NetworkSettings.Networks.bridge.EndpointID.slice(0, 8)}`;
  return { netns: openSync(`/proc/${State.Pid}/ns/net`, 'r'), suffix };
}

function hasLink({ suffix }: Held): boolean {
  return readdirSync('/sys/class/net').some(link => link.endsWith(suffix));
}

test('the link of a removed container goes, also while somebody holds its name space', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const first = await startHeld(daemon, 'first');
  const second = await startHeld(daemon, 'second');
  try {
    assert.ok(hasLink(first) && hasLink(second));
    assert.equal((await daemon.call('DELETE', '/containers/first?force=1')).status, 204);
    await until('its link is gone', async () => !hasLink(first));
    assert.equal((await daemon.call('DELETE', '/containers/second?force=1')).status, 204);
    await daemon.stop();
    assert.ok(!hasLink(second), 'the engine leaves none behind');
  } finally {
    closeSync(first.netns);
    closeSync(second.netns);
  }
});
