import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TarParser } from './tar-parser.ts';
import { TAR_END, tarEntry } from './tar-writer.ts';

for (const [seconds, nanos] of [
  [0, 0],
  [1_700_000_000, 0],
  [-5, 0],
  [-2, 750_000_000],
  [2 ** 36, 0],
  [2 ** 40, 0],
  [0, 500],
] as const) {
  test(`a time of ${seconds} s and ${nanos} ns is read as it was written`, () => {
    const found: (readonly [number, number])[] = [];
    const parser = new TarParser({
      entry: ({ mtimeSeconds, mtimeNanos }) => found.push([mtimeSeconds, mtimeNanos]),
      data: () => undefined,
      endEntry: () => undefined,
    });
    parser.write(Buffer.concat([tarEntry({ path: 'f', mtimeSeconds: seconds + nanos / 1e9 }), TAR_END]));
    parser.end();
    assert.deepEqual(found, [[seconds, nanos]]);
  });
}
