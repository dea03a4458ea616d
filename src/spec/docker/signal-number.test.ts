import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalNumber } from './signal-number.ts';

test('signalNumber() knows names, numbers and real-time signals', () => {
  const cases: readonly [name: string, number: number][] = [
    ['SIGTERM', 15],
    ['term', 15],
    ['KILL', 9],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
    ['SIGWINCH', 28],
  ];
  for (const [name, number] of cases) assert.equal(signalNumber(name), number, name);
});

test('signalNumber() refuses what is no signal', () => {
  for (const name of ['', '0', '65', '-9', 'SIGNOPE', 'RTMIN+40', 'SIGSIGTERM']) {
    assert.throws(() => signalNumber(name), { kind: 'invalid', message: `invalid signal: ${name}` });
  }
});
