import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTimestamp, toTimestamp } from './timestamp.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const NOW_NANOS = BigInt(NOW) * 1_000_000n;

const TIMES: readonly [text: string, nanos: bigint | undefined][] = [
  ['', undefined],
  ['0', 0n],
  ['1700000000', 1_700_000_000_000_000_000n],
  ['1700000000.000000001', 1_700_000_000_000_000_001n],
  ['1700000000.5', 1_700_000_000_500_000_000n],
  ['10s', NOW_NANOS - 10_000_000_000n],
  ['1h30m', NOW_NANOS - 5_400_000_000_000n],
  ['1.5s', NOW_NANOS - 1_500_000_000n],
  ['2026-01-02T03:04:05Z', NOW_NANOS],
  ['2026-01-02T03:04:05.000000007Z', NOW_NANOS + 7n],
  ['2026-01-02T05:04:05+02:00', NOW_NANOS],
  ['2026-01-02T03:04:05', NOW_NANOS],
  ['2026-01-02T03', BigInt(Date.UTC(2026, 0, 2, 3)) * 1_000_000n],
  ['2026-01-02', BigInt(Date.UTC(2026, 0, 2)) * 1_000_000n],
];

for (const [text, nanos] of TIMES) {
  test(`parseTimestamp() reads "${text}"`, () => assert.equal(parseTimestamp(text, NOW), nanos));
}

for (const text of ['x', '1.', '1.1234567890', '2026-13-02', '2026-01-02T99', '-', '1h30', 'NaN']) {
  test(`parseTimestamp() refuses "${text}"`, () => {
    assert.throws(() => parseTimestamp(text, NOW), { kind: 'invalid' });
  });
}

test('toTimestamp() writes UTC, and the zero time for never', () => {
  assert.equal(toTimestamp(NOW), '2026-01-02T03:04:05.000Z');
  assert.equal(toTimestamp(undefined), '0001-01-01T00:00:00Z');
});
