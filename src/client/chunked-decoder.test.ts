import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChunkedDecoder } from './chunked-decoder.ts';

const whole = Buffer.from('3\r\nabc\r\n0A;x=y\r\n0123456789\r\n1\r\n\n\r\n0\r\nTrailer: x\r\n\r\nnext');

test('push() finds the same data wherever the body is cut, and leaves what follows it', () => {
  for (let size = 1; size <= whole.length; size++) {
    const decoder = new ChunkedDecoder();
    let text = '';
    let used = 0;
    for (let at = 0; at < whole.length && !decoder.isDone; at += size) {
      const result = decoder.push(Uint8Array.from(whole.subarray(at, at + size)));
      text += Buffer.from(result.data).toString();
      used += result.used;
    }
    assert.deepEqual([text, decoder.isDone], ['abc0123456789\n', true], `cut every ${size} bytes`);
    assert.equal(whole.subarray(used).toString(), 'next');
  }
});

test('push() joins the data of one piece', () => {
  const piece = Buffer.from('1\r\na\r\n1\r\nb\r\n1\r\nc\r\n');
  assert.equal(Buffer.from(new ChunkedDecoder().push(piece).data).toString(), 'abc');
});

for (const text of ['x\r\n', '\r\n\r\n', '-1\r\n', '3\r\nabcd\r\n', 'ffffffffffffffff\r\n']) {
  test(`push() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => new ChunkedDecoder().push(Buffer.from(text)), Error);
  });
}
