import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseByteSize } from './byte-size.ts';

test('parseByteSize() takes what go-units takes', () => {
  const sizes: Readonly<Record<string, number>> = {
    '0': 0,
    '512': 512,
    '7b': 7,
    '1k': 1024,
    '1KB': 1024,
    '1 KiB': 1024,
    '1.5m': 1.5 * 1024 ** 2,
    '.5g': 512 * 1024 ** 2,
    '1.': 1,
    '10GB': 10 * 1024 ** 3,
    '2t': 2 * 1024 ** 4,
    '3p': 3 * 1024 ** 5,
    '1.0001k': 1024,
  };
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(parseByteSize(text), bytes, text);
  assert.equal(parseByteSize('10m', { base: 1000 }), 10_000_000);
});

test('parseByteSize() refuses what go-units refuses', () => {
  for (const text of [
    '',
    ' ',
    '.',
    '-1',
    '+1',
    '1  k',
    '1ki',
    '1ib',
    '1kk',
    '1e3',
    '0x10',
    '1,5k',
    '9999p',
    '1'.repeat(16),
    'much',
    '10x',
    'g',
    '1 k b',
    '१०',
  ])
    assert.equal(parseByteSize(text), undefined, text);
});
