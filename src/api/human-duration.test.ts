import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration } from './human-duration.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** from docker/go-units duration_test.go, and the edges between */
const TEXTS: readonly [ms: number, text: string][] = [
  [0, 'Less than a second'],
  [999, 'Less than a second'],
  [1999, '1 second'],
  [59_999, '59 seconds'],
  [MINUTE, 'About a minute'],
  [3 * MINUTE + 40_000, '3 minutes'],
  [59 * MINUTE, '59 minutes'],
  [HOUR, 'About an hour'],
  [HOUR + 45 * MINUTE, '2 hours'],
  [47 * HOUR, '47 hours'],
  [48 * HOUR, '2 days'],
  [13 * DAY, '13 days'],
  [14 * DAY, '2 weeks'],
  [59 * DAY, '8 weeks'],
  [60 * DAY, '2 months'],
  [729 * DAY, '24 months'],
  [730 * DAY, '2 years'],
  [10 * 365 * DAY, '10 years'],
];

for (const [ms, text] of TEXTS) {
  test(`humanDuration() words ${ms} ms as "${text}"`, () => assert.equal(humanDuration(ms), text));
}
