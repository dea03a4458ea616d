import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toTimestamp } from './timestamp.ts';

const now = Date.UTC(2026, 0, 2, 15, 4, 5, 250);

for (const [text, expected] of [
  ['1767366245', '1767366245'],
  ['1767366245.123456789', '1767366245.123456789'],
  ['10m', '1767365645.250000000'],
  ['1.5s', '1767366243.750000000'],
  ['2026-01-02T15:04:05Z', '1767366245.000000000'],
  ['2026-01-02T15:04:05.5Z', '1767366245.500000000'],
  ['2026-01-02T15:04:05.123456789Z', '1767366245.123456789'],
  ['2026-01-02T16:04:05+01:00', '1767366245.000000000'],
  ['2026-01-02T15:04Z', '1767366240.000000000'],
] as const) {
  test(`toTimestamp() reads ${text}`, () => assert.equal(toTimestamp(text, now), expected));
}

test('toTimestamp() takes a date without zone as local time', () => {
  const local = new Date(2026, 0, 2, 0, 0, 0).getTime() / 1000;
  assert.equal(toTimestamp('2026-01-02', now), `${local}.000000000`);
});

for (const text of ['', 'xx', '2026-13-01', '10', '10 minutes', '2026-01-02T25:00:00Z']) {
  const isNumber = text === '10';
  test(`toTimestamp() ${isNumber ? 'takes a bare number for seconds' : `refuses "${text}"`}`, () => {
    if (isNumber) assert.equal(toTimestamp(text, now), '10');
    else assert.throws(() => toTimestamp(text, now), { name: 'CliError' });
  });
}
