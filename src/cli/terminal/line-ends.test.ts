import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineEnds } from './line-ends.ts';

function convert(...chunks: string[]): string {
  const lineEnds = new LineEnds();
  return chunks
    .map(chunk => Buffer.from(lineEnds.convert(Uint8Array.from(Buffer.from(chunk)))).toString())
    .join('');
}

/** What our terminal makes of it: the kernel adds a return to each line feed. */
function shown(text: string): string {
  return text.replaceAll('\n', '\r\n').replaceAll('\v', '\n');
}

test("the screen gets what the container's terminal wrote", () => {
  for (const text of ['', 'a\r\nb\r\n', 'a\nb', '\n\n', 'x\ry', '\r\n\n\r\n', 'é\r\n', '\n\r']) {
    assert.equal(shown(convert(text)), text, JSON.stringify(text));
  }
});

test('a line end cut in two costs a return more, which does not show', () => {
  assert.equal(shown(convert('a\r', '\nb\r', 'c')), 'a\r\r\nb\rc');
});
