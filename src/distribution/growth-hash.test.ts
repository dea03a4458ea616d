import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import { type Growing, GrowthHash } from './growth-hash.ts';

/** A file of which more comes to be seen. */
function growing(bytes: Buffer): Growing & { availableBytes: number } {
  return {
    availableBytes: 0,
    async read(into, offset) {
      return bytes.copy(into, 0, offset, offset + into.length);
    },
  };
}

test('the digest of a growing file is that of all of it, however it grew and was followed', async () => {
  const bytes = Buffer.alloc(1_500_000, 'abc');
  const file = growing(bytes);
  const hash = new GrowthHash(file);
  for (const available of [10, 10, 700_000, 700_001, 1_500_000]) {
    file.availableBytes = available;
    hash.follow();
    hash.follow();
    if (available === 700_000) await Promise.resolve();
  }
  assert.equal(await hash.digest(), digestOf(bytes));
});

test('nothing has the digest of nothing; a file that has become shorter has none', async () => {
  assert.equal(await new GrowthHash(growing(Buffer.alloc(0))).digest(), digestOf(Buffer.alloc(0)));
  const cut = growing(Buffer.from('short'));
  cut.availableBytes = 10;
  const hash = new GrowthHash(cut);
  hash.follow();
  await assert.rejects(hash.digest(), { kind: 'dataLoss' });
});
