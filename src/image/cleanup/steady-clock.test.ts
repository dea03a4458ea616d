import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteadyClock } from './steady-clock.ts';

const HOUR = 3600 * 1000;
const YEAR = 365 * 24 * HOUR;

function hostAt(start: number) {
  const host = { wall: start, up: 5 * HOUR };
  const clock = new SteadyClock({ wallMs: () => host.wall, upMs: () => host.up });
  const pass = (ms: number): void => {
    host.wall += ms;
    host.up += ms;
  };
  return { host, clock, pass };
}

test('time passes as the host says, and small corrections count at once', () => {
  const { host, clock, pass } = hostAt(YEAR);
  pass(HOUR);
  assert.equal(clock.now(), YEAR + HOUR);
  host.wall += 60_000;
  assert.equal(clock.now(), YEAR + HOUR + 60_000);
});

test('a clock that was set forward is believed after a day', () => {
  const { host, clock, pass } = hostAt(YEAR);
  host.wall += YEAR;
  assert.equal(clock.now(), YEAR);
  pass(23 * HOUR);
  assert.equal(clock.now(), YEAR + 23 * HOUR);
  pass(HOUR);
  assert.equal(clock.now(), 2 * YEAR + 24 * HOUR);
  pass(HOUR);
  assert.equal(clock.now(), 2 * YEAR + 25 * HOUR);
});

test('a clock that was set back is believed at once, and forward again after a day', () => {
  const { host, clock, pass } = hostAt(2 * YEAR);
  host.wall -= YEAR;
  assert.equal(clock.now(), YEAR);
  host.wall += YEAR;
  pass(HOUR);
  assert.equal(clock.now(), YEAR + HOUR);
});

test('a clock that was set forward by mistake and back again leaves nothing behind', () => {
  const { host, clock, pass } = hostAt(YEAR);
  host.wall += YEAR;
  clock.now();
  host.wall -= YEAR;
  pass(HOUR);
  assert.equal(clock.now(), YEAR + HOUR);
  host.wall += YEAR;
  pass(23 * HOUR);
  assert.equal(clock.now(), YEAR + 24 * HOUR);
});
