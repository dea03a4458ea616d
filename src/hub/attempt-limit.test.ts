import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttemptLimit, SignInLimits } from './attempt-limit.ts';

test('attempts are free at first, then each waits twice as long as the one before, up to a bound', () => {
  let now = 1_000_000;
  const limit = new AttemptLimit({ free: 2, baseMs: 100, capMs: 350, maxKeys: 10, now: () => now });
  const waits = Array.from({ length: 6 }, () => {
    limit.began('k');
    const wait = limit.waitMs('k');
    now += wait;
    return wait;
  });
  assert.deepEqual(waits, [0, 100, 200, 350, 350, 350]);
  now += 3_600_001;
  limit.began('k');
  assert.equal(limit.waitMs('k'), 0, 'it is forgotten after an hour');
});

test('it remembers a bounded number of keys', () => {
  const limit = new AttemptLimit({ free: 1, baseMs: 100, capMs: 100, maxKeys: 3, now: () => 0 });
  for (let index = 0; index < 100; index += 1) limit.began(`k${index}`);
  assert.equal(limit.size, 3);
});

test('attempts of one account from one address, of one address, and of one account are bounded, many at once too', () => {
  const limits = new SignInLimits(() => 1_000_000);
  const count = (attempt: (index: number) => void): number => {
    for (let index = 0; index < 1000; index += 1) {
      try {
        attempt(index);
      } catch (error) {
        assert.match(String(error), /too many attempts to sign in; try again in \d+ s/);
        return index;
      }
    }
    return 1000;
  };
  assert.equal(
    count(() => limits.begin('alice', '192.0.2.1')),
    5,
  );
  assert.equal(
    count(index => limits.begin(`user${index}`, '192.0.2.2')),
    30,
  );
  assert.equal(
    count(index => limits.begin('bob', `198.51.100.${index}`)),
    50,
  );
  for (let index = 0; index < 100; index += 1) limits.begin('dave', '192.0.2.4').undone();
  limits.begin('carol', '192.0.2.3').succeeded();
  assert.equal(
    count(() => limits.begin('carol', '192.0.2.3')),
    5,
    'a success clears what was before',
  );
});

test('who has an address of IPv6 has a network of them, and is counted once', () => {
  const limits = new SignInLimits(() => 0);
  const guess = (host: number): unknown => limits.begin(`account${host}`, `2001:db8::${host.toString(16)}`);
  for (let host = 1; host <= 30; host += 1) guess(host);
  assert.throws(() => guess(31), { kind: 'unavailable' });
  limits.begin('account31', '2001:db8:0:1::1');
});
