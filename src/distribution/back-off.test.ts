import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_BACK_OFF, delayMs, retryAfterMs } from './back-off.ts';

const FIRST = { ...DEFAULT_BACK_OFF, random: () => 0 };
const LAST = { ...DEFAULT_BACK_OFF, random: () => 1 };

test('delayMs() doubles up to its cap, half of it by chance, and gives up in the end', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(failures => delayMs(FIRST, failures)),
    [250, 500, 1000, 2000, undefined],
  );
  assert.deepEqual(
    [1, 2, 3, 4].map(failures => delayMs(LAST, failures)),
    [500, 1000, 2000, 4000],
  );
  assert.equal(delayMs({ ...LAST, attempts: 100 }, 50), LAST.capMs);
});

test('delayMs() waits as long as a server asks, unless that is too long', () => {
  assert.equal(delayMs(FIRST, 1, 7000), 7000);
  assert.equal(delayMs(FIRST, 1, 61_000), undefined);
});

test('retryAfterMs() takes seconds and dates, and nothing else', () => {
  const now = Date.parse('2026-11-27T10:00:00Z');
  assert.equal(retryAfterMs('120', now), 120_000);
  assert.equal(retryAfterMs(' 3 ', now), 3000);
  assert.equal(retryAfterMs('Fri, 27 Nov 2026 10:00:30 GMT', now), 30_000);
  assert.equal(retryAfterMs('Fri, 27 Nov 2026 09:00:00 GMT', now), 0);
  for (const senseless of [undefined, '', '-1', '1e9', 'soon', '2026-11-27', '99999999999']) {
    assert.equal(retryAfterMs(senseless, now), 0, String(senseless));
  }
});
