import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goQuote } from './go-quote.ts';

for (const [text, expected] of [
  ['sleep 10', '"sleep 10"'],
  ['a "b" \\c', '"a \\"b\\" \\\\c"'],
  ['\t\n\r\x07', '"\\t\\n\\r\\a"'],
  ['\x1b[2J\x7f', '"\\x1b[2J\\x7f"'],
  ['\u0085\u202e\u00a0', '"\\u0085\\u202e\\u00a0"'],
  ['é…👍', '"é…👍"'],
  ['\u{e0001}', '"\\U000e0001"'],
] as const) {
  test(`goQuote() writes ${expected}`, () => assert.equal(goQuote(text), expected));
}
