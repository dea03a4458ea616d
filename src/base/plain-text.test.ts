import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainLine, plainLines } from './plain-text.ts';

test('what a terminal would obey becomes spaces; letters of all kinds stay', () => {
  const tricks = [
    '\x1b[2J',
    '\x1b]0;title\x07',
    '\u009b31m',
    '\r',
    '\b',
    '\x7f',
    '\u202e',
    '\u2066',
    '\u2028',
  ];
  for (const trick of tricks) {
    assert.doesNotMatch(plainLines(`a${trick}b`), /[\p{Cc}\u202e\u2066\u2028]/u, JSON.stringify(trick));
  }
  assert.equal(plainLine('naïve – 日本 👩‍💻 عربي'), 'naïve – 日本 👩‍💻 عربي');
  assert.equal(plainLine('a\nb\tc'), 'a b c');
  assert.equal(plainLines('a\nb\tc\rd'), 'a\nb\tc d');
});
