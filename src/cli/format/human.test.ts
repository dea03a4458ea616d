import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binarySize, ellipsis, humanDuration, humanSize } from './human.ts';

test('humanSize() has powers of 1000 and so many digits', () => {
  for (const [bytes, digits, text] of [
    [0, 3, '0B'],
    [999, 3, '999B'],
    [1000, 3, '1kB'],
    [1840, 3, '1.84kB'],
    [1845, 4, '1.845kB'],
    [247_300_000, 3, '247MB'],
    [1_982_419, 3, '1.98MB'],
    [5e12, 3, '5TB'],
    [12_345_678_901, 4, '12.35GB'],
  ] as const) {
    assert.equal(humanSize(bytes, digits), text);
  }
});

test('binarySize() has powers of 1024', () => {
  assert.equal(binarySize(25_275_000_000), '23.54GiB');
  assert.equal(binarySize(1024), '1KiB');
  assert.equal(binarySize(1023), '1023B');
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('humanDuration() rounds as people speak', () => {
  for (const [ms, text] of [
    [0, 'Less than a second'],
    [999, 'Less than a second'],
    [SECOND, '1 second'],
    [59 * SECOND, '59 seconds'],
    [MINUTE, 'About a minute'],
    [2 * MINUTE, '2 minutes'],
    [59 * MINUTE + 59 * SECOND, '59 minutes'],
    [HOUR, 'About an hour'],
    [89 * MINUTE, 'About an hour'],
    [91 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [2 * DAY, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [59 * DAY, '8 weeks'],
    [61 * DAY, '2 months'],
    [729 * DAY, '24 months'],
    [731 * DAY, '2 years'],
  ] as const) {
    assert.equal(humanDuration(ms), text);
  }
});

test('ellipsis() counts characters', () => {
  assert.equal(ellipsis('sleep 1000', 20), 'sleep 1000');
  assert.equal(ellipsis('a'.repeat(21), 20), `${'a'.repeat(19)}…`);
  assert.equal(ellipsis('ééé', 3), 'ééé');
  assert.equal(ellipsis('👍👍👍👍', 2), '👍…');
  assert.equal(ellipsis('abc', 0), '');
});
