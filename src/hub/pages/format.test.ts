import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  byteSize,
  counted,
  exactTime,
  platformName,
  relativeTime,
  roughCount,
  shortCount,
  shortDigest,
} from './format.ts';

const COUNTS: readonly [count: number, short: string, rough: string][] = [
  [0, '0', '0'],
  [999, '999', '999'],
  [1000, '1K', '1K+'],
  [1999, '1.9K', '1K+'],
  [5512, '5.5K', '5K+'],
  [12_345, '12K', '10K+'],
  [99_999, '99K', '50K+'],
  [999_999, '999K', '500K+'],
  [12_345_678, '12M', '10M+'],
  [1_500_000_000, '1.5B', '1B+'],
  [2e15, '2000T', '500T+'],
];

for (const [count, short, rough] of COUNTS) {
  test(`${count} is ${short}, and ${rough}`, () => {
    assert.equal(shortCount(count), short);
    assert.equal(roughCount(count), rough);
  });
}

const SIZES: readonly [bytes: number, text: string][] = [
  [0, '0 B'],
  [812, '812 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [1_210_000, '1.21 MB'],
  [67_250_000, '67.3 MB'],
  [999_600_000, '1.00 GB'],
  [123_456_789_000, '123 GB'],
];

for (const [bytes, text] of SIZES) {
  test(`${bytes} bytes are ${text}`, () => assert.equal(byteSize(bytes), text));
}

const HOUR = 3_600_000;
const TIMES: readonly [distance: number, text: string][] = [
  [0, 'just now'],
  [59_000, 'just now'],
  [60_000, '1 minute ago'],
  [23.9 * HOUR, '23 hours ago'],
  [24 * HOUR, '1 day ago'],
  [13 * 24 * HOUR, '1 week ago'],
  [45 * 24 * HOUR, '1 month ago'],
  [800 * 24 * HOUR, '2 years ago'],
  [-48 * HOUR, 'in 2 days'],
  [-90 * 24 * HOUR, 'in 3 months'],
  [-365 * 24 * HOUR + 1000, 'in 12 months'],
];

for (const [distance, text] of TIMES) {
  test(`${distance} ms before now is "${text}"`, () => {
    const now = Date.UTC(2026, 10, 27);
    assert.equal(relativeTime(now - distance, now), text);
  });
}

test('times, platforms, digests and counts have one form', () => {
  assert.equal(exactTime(Date.UTC(2026, 10, 27, 20, 31, 47)), '2026-11-27 20:31:47 UTC');
  assert.equal(platformName({ os: 'linux', architecture: 'arm', variant: 'v7' }), 'linux/arm/v7');
  assert.equal(platformName({ os: 'linux', architecture: 'amd64' }), 'linux/amd64');
  assert.equal(shortDigest(`sha256:${'ab'.repeat(32)}`), 'abababababab');
  assert.equal(counted(1, 'tag'), '1 tag');
  assert.equal(counted(1234, 'repository', 'repositories'), '1,234 repositories');
});
