import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzIndex } from '#spec/erofs/fuzz-index';

/** `QUAI_FUZZ_ROUNDS=1000000 QUAI_FUZZ_SEED=7` for longer, and for others. */
const ROUNDS = Number(process.env['QUAI_FUZZ_ROUNDS'] ?? 5000);
const SEED = Number(process.env['QUAI_FUZZ_SEED'] ?? 1);

test('archives of layers that were damaged are refused, or make an index that is whole', () => {
  const { taken, refused } = fuzzIndex({ seed: SEED, rounds: ROUNDS });
  assert.ok(taken > 0 && refused > 0, JSON.stringify({ taken, refused }));
});
