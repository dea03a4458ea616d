import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './json.ts';
import { jsonLines } from './json-lines.ts';

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('jsonLines() gives the same values wherever the stream is cut, also inside a character', async () => {
  const text = '{"a":"é"}\r\n\n{"b":[1,2]}\n"last"';
  for (let size = 1; size <= text.length; size++) {
    const values: Json[] = [];
    for await (const value of jsonLines(chunksOf(text, size))) values.push(value);
    assert.deepEqual(values, [{ a: 'é' }, { b: [1, 2] }, 'last'], `cut every ${size} bytes`);
  }
});

test('jsonLines() fails at a line that is not JSON', async () => {
  await assert.rejects(async () => {
    for await (const _ of jsonLines(chunksOf('{}\nnot json\n', 5))) continue;
  }, SyntaxError);
});
