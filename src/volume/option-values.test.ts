import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBytes } from './option-values.ts';

test('parseBytes() reads sizes as Docker does, in powers of 1024', () => {
  for (const [text, bytes] of [
    ['1024', 1024],
    ['10b', 10],
    ['1k', 1024],
    ['10M', 10 * 1024 ** 2],
    ['1.5g', 1.5 * 1024 ** 3],
    ['2GiB', 2 * 1024 ** 3],
    ['3 TB', 3 * 1024 ** 4],
    ['1p', 1024 ** 5],
    ['0', 0],
  ] as const) {
    assert.equal(parseBytes(text), bytes, text);
  }
  for (const text of ['', 'much', '-1', '1e9', '10x', '0x10', '1,5g', '99999p', 'g', '1 k b', '१०'])
    assert.equal(parseBytes(text), undefined, text);
});
