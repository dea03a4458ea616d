import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandWord, expandWords } from './expand-word.ts';

const SET: Readonly<Record<string, string>> = {
  A: '1',
  LONG: 'two words',
  EMPTY: '',
  FILE: 'dir/sub/name.tar.gz',
  str: 'foobarbaz',
};
const variables = (name: string): string | undefined => (Object.hasOwn(SET, name) ? SET[name] : undefined);

for (const [word, text] of [
  ['', ''],
  ['plain', 'plain'],
  ['a  b', 'a  b'],
  ['"a b" \'c d\' e\\ f', 'a b c d e f'],
  ['$A-${A}$', '1-1$'],
  ['$AB ${A}B', ' 1B'],
  ['\'$A\' \\$A "\\$A" "\\n"', '$A $A $A \\n'],
  ['"it\'s $A"', "it's 1"],
  ['$NONE.${NONE}', '.'],
  ['$1 $12 $$ $@ $-', '    '],
  ['$ä', ''],
  ['${NONE:-x} ${EMPTY:-y} ${EMPTY-z} ${A:-w}', 'x y  1'],
  ['${A:+x} ${NONE:+x} ${EMPTY:+x} ${EMPTY+x}', 'x   x'],
  ['${NONE:-${A}} ${NONE:-"a }"} ${NONE:-a\\}b}', '1 a } a}b'],
  ['${A?} ${A:?no} ${EMPTY?no}', '1 1 '],
  ['${FILE#*/} ${FILE##*/}', 'sub/name.tar.gz name.tar.gz'],
  ['${FILE%.*} ${FILE%%.*}', 'dir/sub/name.tar dir/sub/name'],
  ['${str#f*b} ${str##f*b} ${str%b*} ${str%%b*}', 'arbaz az foobar foo'],
  ['${str#x} ${str%x} ${NONE#x}', 'foobarbaz foobarbaz '],
  ['${str#fo?} ${str%?}', 'barbaz foobarba'],
  ['${str/ba?/XX} ${str//ba?/XX} ${str/b*z/} ${str/q/XX}', 'fooXXbaz fooXXXX foo foobarbaz'],
  ['${FILE//\\//_} ${FILE/.*/}', 'dir_sub_name.tar.gz dir/sub/name'],
  ['${FILE//\\//\\/\\/}', 'dir//sub//name.tar.gz'],
  ['${EMPTY/*/x} ${str//*/x}', 'x x'],
  ['a\\', 'a'],
] as const) {
  test(`expandWord() of ${word}`, () => {
    assert.equal(expandWord(word, variables), text);
  });
}

for (const [word, words] of [
  ['', []],
  ['80 81', ['80', '81']],
  ['$LONG "$LONG" x$LONG', ['two', 'words', 'two words', 'xtwo', 'words']],
  ['$NONE', []],
  ['a\\ b', ['a b']],
] as const) {
  test(`expandWords() of ${word}`, () => {
    assert.deepEqual(expandWords(word, variables), words);
  });
}

test('expandWord() with another escape', () => {
  assert.equal(expandWord('C:\\x\\`$A', variables, { escape: '`' }), 'C:\\x\\$A');
});

test('expandWord() leaves quotes alone in the body of a here-document', () => {
  assert.equal(
    expandWord("say \"$A\" '$A' it's\n", variables, { keepsQuotes: true }),
    "say \"1\" '1' it's\n",
  );
});

for (const [word, reason] of [
  ['"a', /matching double-quote/],
  ["'a", /matching single-quote/],
  ['${A', /missing '}'/],
  ['${', /missing '}'/],
  ['${A:-', /missing '}'/],
  ['${}', /bad substitution/],
  ['${:x}', /bad substitution/],
  ['${{A}', /bad substitution/],
  ['${A!x}', /unsupported modifier \(!\)/],
  ['${A:#x}', /unsupported modifier \(:#\)/],
  ['${A/x}', /missing '\/'/],
  ['${A/x/y', /missing '}'/],
  ['${A#\\q}', /invalid pattern/],
  ['${NONE:?}', /NONE: is not allowed to be unset/],
  ['${EMPTY:?}', /EMPTY: is not allowed to be empty/],
  ['${NONE?give it}', /NONE: give it/],
] as const) {
  test(`expandWord() refuses ${word}`, () => {
    assert.throws(() => expandWord(word, variables), { kind: 'invalid', message: reason });
  });
}

test('expandWord() bounds depth, length and the work of patterns', () => {
  const deep = `${'${A+'.repeat(5000)}x${'}'.repeat(5000)}`;
  assert.throws(() => expandWord(deep, variables), /more than 100 deep/);
  const large = (): string => 'x'.repeat(300_000);
  assert.throws(() => expandWord('$X$X$X$X', large), /becomes longer/);
  assert.throws(() => expandWord(`\${X#${'*a'.repeat(1000)}}`, large), /too much/);
});

test('patterns of many stars take no time', () => {
  const value = 'a'.repeat(60_000);
  const begun = performance.now();
  for (const form of ['#', '##', '%', '%%', '/', '//']) {
    const tail = form.startsWith('/') ? '/y}' : '}';
    assert.equal(
      expandWord(`\${X${form}${'*a'.repeat(20)}*b${tail}`, () => value),
      value,
    );
  }
  assert.ok(performance.now() - begun < 1000);
});
