import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextDue, parseCron } from './cron.ts';

const at = (text: string): number => new Date(text).getTime(); // without a zone: the host's

const cases: readonly (readonly [schedule: string, after: string, due: string | undefined])[] = [
  ['* * * * *', '2026-11-27T10:00:30', '2026-11-27T10:01:00'],
  ['0 3 * * *', '2026-11-27T03:00:00', '2026-11-28T03:00:00'],
  ['30 2 1 * *', '2026-11-27T10:00:00', '2026-12-01T02:30:00'],
  ['*/15 9-17 * * 1-5', '2026-11-27T17:46:00', '2026-11-30T09:00:00'],
  ['0 0 13 * 5', '2026-11-26T10:00:00', '2026-11-27T00:00:00'],
  ['0 0 * * 7', '2026-11-27T10:00:00', '2026-11-29T00:00:00'],
  ['5/20 * * * *', '2026-11-27T10:26:00', '2026-11-27T10:45:00'],
  ['0 0 29 2 *', '2026-11-27T10:00:00', '2028-02-29T00:00:00'],
  ['@weekly', '2026-11-27T10:00:00', '2026-11-29T00:00:00'],
  ['0 0 30 2 *', '2026-11-27T10:00:00', undefined],
];
for (const [schedule, after, due] of cases) {
  test(`nextDue() of "${schedule}" after ${after} is ${due ?? 'never'}`, () => {
    assert.equal(nextDue(parseCron(schedule), at(after)), due === undefined ? undefined : at(due));
  });
}

for (const bad of [
  '',
  '* * * *',
  '60 * * * *',
  '* 24 * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '5-1 * * * *',
  '*/0 * * * *',
  'a * * * *',
  '@never',
  '*'.repeat(300),
]) {
  test(`parseCron() refuses "${bad.slice(0, 20)}"`, () => assert.throws(() => parseCron(bad), TypeError));
}

for (const inherited of ['constructor', '__proto__']) {
  test(`parseCron() takes "${inherited}" for no name of a schedule`, () => {
    assert.throws(() => parseCron(inherited), { name: 'TypeError', message: /is no schedule/ });
  });
}
