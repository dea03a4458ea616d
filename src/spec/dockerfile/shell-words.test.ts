import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellWords } from './shell-words.ts';

const SET: Readonly<Record<string, string>> = { A: '1', LONG: 'two words', EMPTY: '' };

for (const [text, words] of [
  ['a  b\tc', ['a', 'b', 'c']],
  [' "a b" \'c d\' e\\ f ', ['a b', 'c d', 'e f']],
  ['x"y z"\'w\'', ['xy zw']],
  ['', []],
  ['""', ['']],
  ['$A-${A}$', ['1-1$']],
  ['$LONG "$LONG"', ['two words', 'two words']],
  [`'$A' \\$A "\\$A" "\\n"`, ['$A', '$A', '$A', '\\n']],
  ['$NONE. ${NONE}', ['.', '']],
  ['${NONE:-x} ${EMPTY:-y} ${EMPTY-z} ${A:-w}', ['x', 'y', '', '1']],
  ['${A:+x} ${NONE:+x} ${EMPTY:+x} ${EMPTY+x}', ['x', '', '', 'x']],
  ['${NONE:-${A}} ${NONE:-"a }"}', ['1', 'a }']],
  ['$AB ${A}B', ['', '1B']],
] as const) {
  test(`shellWords() of ${text}`, () => {
    assert.deepEqual(
      shellWords(text, name => (Object.hasOwn(SET, name) ? SET[name] : undefined)),
      words,
    );
  });
}

for (const text of ['"a', "'a", '${A', '${}', '${A:?x}', '${', '${A:-']) {
  test(`shellWords() refuses ${text}`, () => {
    assert.throws(() => shellWords(text, () => undefined), RangeError);
  });
}
