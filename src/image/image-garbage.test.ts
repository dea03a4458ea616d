import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '#base/ids';
import { silentLogger } from '#base/logger';
import { Leases } from '#store/leases';
import { ImageGarbage } from './image-garbage.ts';

const LOWEST: Digest = `sha256:${'1'.repeat(64)}`;

test('a layer that came uncompressed goes with its blob of the same digest, whatever else was collected meanwhile', async () => {
  const leases = new Leases();
  const layers = new Set<string>([LOWEST]);
  const blobs = new Set<string>([LOWEST]);
  const garbage = new ImageGarbage({
    table: { ownsBlob: () => false, ownsChain: () => false },
    snapshots: { committedNames: () => [...layers], remove: name => void layers.delete(name) },
    blobs: { remove: async blob => void blobs.delete(blob), sweep: () => undefined },
    leases,
    logger: silentLogger,
  });
  const lease = leases.hold([LOWEST]);
  garbage.collect([LOWEST]);
  garbage.collect([]);
  assert.deepEqual([...layers, ...blobs], [LOWEST, LOWEST]);
  lease[Symbol.dispose]();
  await garbage.settled();
  assert.deepEqual([...layers, ...blobs], []);
});
