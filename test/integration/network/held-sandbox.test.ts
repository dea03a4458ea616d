import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { until } from '../../support/until.ts';

test('the link of a removed container goes, also while somebody holds its name space', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const { body: bridge } = await daemon.call('GET', '/networks/bridge');
  const { Options } = bridge as { Options: Record<string, string> };
  const prefix = `${Options['com.docker.network.bridge.name']?.slice(0, -1)}-`; // other engines have links, too
  const run = async (name: string): Promise<{ readonly held: number; readonly links: readonly string[] }> => {
    const before = readdirSync('/sys/class/net');
    const body = { Image: 'busybox', Cmd: ['sleep', '1000'] };
    assert.equal((await daemon.call('POST', `/containers/create?name=${name}`, body)).status, 201);
    assert.equal((await daemon.call('POST', `/containers/${name}/start`)).status, 204);
    const { State } = (await daemon.call('GET', `/containers/${name}/json`)).body as {
      State: { Pid: number };
    };
    const links = readdirSync('/sys/class/net').filter(
      link => link.startsWith(prefix) && !before.includes(link),
    );
    return { held: openSync(`/proc/${State.Pid}/ns/net`, 'r'), links };
  };
  const gone = (links: readonly string[]): boolean =>
    links.every(link => !readdirSync('/sys/class/net').includes(link));

  const first = await run('first');
  const second = await run('second');
  assert.deepEqual([first.links.length, second.links.length], [1, 1]);
  try {
    assert.equal((await daemon.call('DELETE', '/containers/first?force=1')).status, 204);
    await until('its link is gone', async () => gone(first.links));
    assert.equal((await daemon.call('DELETE', '/containers/second?force=1')).status, 204);
    await daemon.stop();
    assert.ok(gone(second.links), 'the engine leaves none behind');
  } finally {
    closeSync(first.held);
    closeSync(second.held);
  }
});
