import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { KeyedMutex } from '#base/keyed-mutex';
import { silentLogger } from '#base/logger';
import type { Plugin } from '#plugin/plugin';
import { migrated } from './fake-volume-deps.ts';
import { RemoteMounts } from './remote-mounts.ts';
import type { Volume } from './volume.ts';
import { VolumePlugins } from './volume-plugins.ts';
import { VolumeTable } from './volume-table.ts';

const CONTAINER = 'c'.repeat(64);
const VOLUME: Volume = {
  name: 'one',
  driver: 'far',
  mountpoint: '',
  createdAt: 0,
  labels: {},
  options: {},
  scope: 'global',
  isAnonymous: false,
};

/** A driver that is away, or counts what it has mounted and refuses to take back anything else. */
function countingDriver(): { isAway: boolean; readonly calls: string[]; readonly plugins: VolumePlugins } {
  const mounted = new Set<string>();
  const driver = { isAway: false, calls: [] as string[] };
  const call = async (method: string, request: unknown): Promise<unknown> => {
    if (driver.isAway) throw new EngineError('unavailable', 'plugin "far" does not answer');
    driver.calls.push(method);
    const { ID } = request as { ID: string };
    if (method === 'VolumeDriver.Mount') mounted.add(ID);
    else if (!mounted.delete(ID)) throw new EngineError('internal', `${method}: not mounted by ${ID}`);
    return { Mountpoint: '/far/one' };
  };
  const plugin = { call } as unknown as Plugin; // all that mounting asks of one
  const finder = { get: async () => plugin, announcedNames: () => [], activeNames: () => [] };
  return Object.assign(driver, { plugins: new VolumePlugins(finder) });
}

test('a mount that the driver never heard of does not stand in the way of the next one', async () => {
  const driver = countingDriver();
  const table = new VolumeTable(migrated());
  table.insert(VOLUME);
  const mounts = new RemoteMounts({
    table,
    locks: new KeyedMutex(),
    plugins: driver.plugins,
    logger: silentLogger,
  });
  driver.isAway = true;
  await assert.rejects(mounts.mount(VOLUME, CONTAINER, {}), { kind: 'unavailable' });
  await assert.rejects(mounts.unmount(VOLUME, CONTAINER), { kind: 'unavailable' });
  await assert.rejects(mounts.mount(VOLUME, CONTAINER, {}), { kind: 'unavailable' });
  driver.isAway = false;
  assert.equal(await mounts.mount(VOLUME, CONTAINER, {}), '/far/one');
  assert.deepEqual(driver.calls, ['VolumeDriver.Unmount', 'VolumeDriver.Mount']);
});
