import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '#base/ids';
import { GrowingFile } from '#store/growing-file';
import { LayerIntake } from './layer-intake.ts';
import type { TakenLayer } from './snapshotter.ts';

const NEVER = new AbortController().signal;
const from = (writer: string) => ({ archive: new GrowingFile('/partial', { writer }) });

function takenFrom(writer: string): TakenLayer {
  const blobDigest: Digest = `sha256:${writer}`;
  return { blobDigest, blobBytes: 1, tarBytes: 1, sizeBytes: 1, topLevelNames: [] };
}

function start() {
  const committed = new Set<string>();
  const intake = new LayerIntake({ hasCommitted: name => committed.has(name) });
  const commit = async (name: string, writer: string): Promise<TakenLayer> => {
    committed.add(name);
    return takenFrom(writer);
  };
  return { intake, commit };
}

test('ensure() shares work on bytes of the same writer, and on no others', async () => {
  const { intake, commit } = start();
  const stalled = Promise.withResolvers<TakenLayer>();
  const never = async (): Promise<TakenLayer> => assert.fail('it is shared');
  const slow = intake.ensure('layer', from('slow'), () => stalled.promise);
  const shared = intake.ensure('layer', from('slow'), never);
  const own = await intake.ensure('layer', from('good'), () => commit('layer', 'good'));
  assert.equal(own?.blobDigest, 'sha256:good');
  stalled.resolve(takenFrom('slow'));
  for (const one of [slow, shared]) assert.equal((await one)?.blobDigest, 'sha256:slow');
  assert.equal(await intake.ensure('layer', from('late'), never), undefined);
  await intake.settled();
});

test('parentOf() waits for the first who brings the layer, and for nobody once it is there', async () => {
  const { intake, commit } = start();
  const stalled = Promise.withResolvers<TakenLayer>();
  const slow = intake.ensure('parent', from('slow'), () => stalled.promise);
  const coming = Promise.withResolvers<void>();
  const good = intake.ensure('parent', from('good'), async () => {
    await coming.promise;
    return await commit('parent', 'good');
  });
  const waiting = intake.parentOf('parent', NEVER);
  coming.resolve();
  await waiting;
  await good;
  await intake.parentOf('parent', NEVER);
  stalled.reject(new Error('cut'));
  await assert.rejects(slow, /cut/);
  await intake.settled();
});
