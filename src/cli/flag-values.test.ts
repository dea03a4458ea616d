import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBool, readBytes, readCpus, readDuration, readFlagValue, readInt } from './flag-values.ts';

function table<T>(
  name: string,
  read: (text: string) => T,
  good: Record<string, T>,
  bad: readonly string[],
): void {
  test(`${name} reads ${Object.keys(good).join(' ')}`, () => {
    for (const [text, value] of Object.entries(good)) assert.equal(read(text), value, text);
  });
  test(`${name} refuses ${bad.join(' ')}`, () => {
    for (const text of bad) assert.throws(() => read(text), RangeError, text);
  });
}

table(
  'readBytes()',
  readBytes,
  {
    '0': 0,
    '512': 512,
    '1k': 1024,
    '1K': 1024,
    '64KiB': 65536,
    '1kb': 1024,
    '1.5g': 1610612736,
    '.5g': 536870912,
    '1 GB': 1024 ** 3,
    '2t': 2 * 1024 ** 4,
    '10b': 10,
  },
  ['', 'x', '1x', '-1', '-5m', '1gg', '1 g b', 'g', '9999p'],
);

table(
  'readDuration()',
  readDuration,
  {
    '0': 0,
    '5s': 5e9,
    '1m30s': 90e9,
    '1.5h': 5400e9,
    '10ms': 1e7,
    '3us': 3000,
    '7ns': 7,
    '-1s': -1e9,
    '.5s': 5e8,
  },
  ['', '5', 's', '5x', '1m 30s', '5s6', '--5s'],
);

table(
  'readCpus()',
  readCpus,
  {
    '1': 1e9,
    '1.5': 15e8,
    '.5': 5e8,
    '2.': 2e9,
    '0.000000001': 1,
    '1.2300000000': 123e7,
    '1/2': 5e8,
  },
  ['', '.', 'x', '1.2345678901', '1/3', '1/0', '1e3'],
);

table('readInt()', readInt, { '0': 0, '-5': -5, '+7': 7, '0x10': 16, '010': 10 }, [
  '',
  'x',
  '1.5',
  '1e3',
  '99999999999999999',
]);

table('readBool()', readBool, { true: true, '1': true, T: true, false: false, '0': false, F: false }, [
  '',
  'yes',
  'tRue',
]);

test('readFlagValue() takes -1 for unlimited swap, and only there', () => {
  assert.equal(readFlagValue('swap', '-1'), -1);
  assert.equal(readFlagValue('swap', '1k'), 1024);
  assert.throws(() => readFlagValue('bytes', '-1'), RangeError);
});
