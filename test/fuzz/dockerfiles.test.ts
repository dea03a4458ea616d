import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandWord, expandWords } from '#spec/dockerfile/expand-word';
import { isGitAddress, parseGitAddress } from '#spec/dockerfile/git-address';
import { IgnorePatterns } from '#spec/dockerfile/ignore-patterns';
import { parseDockerfile } from '#spec/dockerfile/parse-dockerfile';
import { PathPattern } from '#spec/dockerfile/path-pattern';
import { wordsOf } from '#spec/dockerfile/stage-checks';
import { attempt } from './attempt.ts';
import { MadeUp, ROUNDS } from './made-up.ts';

const GOOD = Buffer.from(`# syntax=docker/dockerfile:1
# escape=\\
ARG TAG=1
FROM --platform=$BUILDPLATFORM base:$TAG AS build
ENV A=1 B="two \${A:-words}" C='x'
RUN --mount=type=cache,target=/c,sharing=locked --network=none <<EOF
#!/bin/sh
echo \${A}
EOF
RUN a && \\
  # comment
  b <<-X | c

	body
	X
FROM scratch
COPY --from=build --chown=1:\${A%%.*} --exclude=*.md <<"one" two /dest/
$content
one
HEALTHCHECK --interval=5s CMD ["a", "b"]
ONBUILD ADD --checksum=sha256:00 https://x/y /
CMD ["x"]
`);

test('Dockerfiles: a mutated one is refused, or is made of instructions that stand where they say', () => {
  const madeUp = new MadeUp(10);
  const lines = GOOD.toString().split('\n');
  let taken = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes =
      madeUp.below(2) === 0
        ? madeUp.mutated(GOOD)
        : Buffer.from(
            `FROM x\n${madeUp.text(
              lines.map(line => `${line}\n`),
              12,
            )}`,
          );
    const file = attempt(bytes.toString('latin1'), () => parseDockerfile(bytes));
    if (!file) continue;
    taken += 1;
    const count = bytes.toString('latin1').split('\n').length;
    let before = 0;
    for (const { from, instructions } of file.stages) {
      for (const instruction of [from, ...instructions]) {
        const { first, last } = instruction.lines;
        assert.ok(first > before && last >= first && last <= count, `${first}-${last} after ${before}`);
        before = last;
        for (const word of instruction.keyword === 'FROM' ? [instruction.image] : wordsOf(instruction))
          attempt(word, () => expandWord(word, name => name));
      }
    }
  }
  assert.ok(taken > ROUNDS / 20, `only ${taken} were Dockerfiles`);
});

test('words: whatever stands in them, they expand to something bounded or are refused', () => {
  const madeUp = new MadeUp(11);
  const pieces = [
    '$',
    '{',
    '}',
    'A',
    ':',
    '-',
    '+',
    '?',
    '#',
    '%',
    '/',
    '"',
    "'",
    '\\',
    '*',
    ' ',
    '${A',
    '$A',
  ];
  for (let round = 0; round < ROUNDS; round += 1) {
    const word = madeUp.text(pieces, 16);
    const text = attempt(word, () => expandWord(word, name => (name === 'A' ? 'a b' : undefined)));
    const words = attempt(word, () => expandWords(word, name => (name === 'A' ? 'a b' : undefined)));
    assert.equal(text === undefined, words === undefined, word);
    if (text === undefined || words === undefined) continue;
    // Split or not, it is the same text.
    assert.equal(words.join('').replaceAll(' ', ''), text.replaceAll(/\s/g, ''), word);
  }
});

/** What moby makes of a pattern, run by the machine that backtracks. */
function asRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*\*\/?|\*|\?|\\?./gs, (piece, at: number) => {
    if (piece.startsWith('**')) return at + piece.length === pattern.length ? '.*' : '(?:.*/)?';
    if (piece === '*') return '[^/]*';
    if (piece === '?') return '[^/]';
    return piece.replace(/^\\(?=.)/, '').replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}

test('patterns of paths: each says what a regular expression says', () => {
  const madeUp = new MadeUp(12);
  let matches = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const pattern = madeUp.text(['a', 'b', '/', '*', '**', '**/', '?', '.', '\\*'], 7);
    const path = madeUp.text(['a', 'b', '/', '.', 'ab', '*'], 8);
    // `**` and plain letters alone are an end of the path, even within a name.
    if (/^\*\*[^*?\\]*$/.test(pattern)) continue;
    const isMatch = new PathPattern(pattern).matches(path);
    assert.equal(isMatch, asRegExp(pattern).test(path), `${pattern} and ${path}`);
    if (isMatch) matches += 1;
  }
  assert.ok(matches > ROUNDS / 50, `only ${matches} matched`);
});

test('.dockerignore: whatever it holds, it is refused or answers, and a walk that leaves folders out loses nothing', () => {
  const madeUp = new MadeUp(13);
  const pieces = ['a', 'b', '/', '*', '**', '!', '?', '[', ']', '-', '^', '\\', '\n', '#', ' ', '..', '.'];
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = madeUp.text(pieces, 14);
    const patterns = attempt(text, () => IgnorePatterns.parse(text));
    if (!patterns) continue;
    if (patterns.ignores('a/b') && !text.includes('!')) assert.ok(patterns.ignores('a/b/c'), text);
    if (patterns.ignores('a') && !patterns.ignores('a/b/c')) assert.ok(patterns.mayKeepBelow('a'), text);
  }
});

test('git addresses: what is taken cannot be an option, leads out of nothing, and has no blanks', () => {
  const madeUp = new MadeUp(14);
  const starts = [
    'https://',
    'http://',
    'git://',
    'ssh://',
    'git@',
    'github.com/',
    'file://',
    'ext::',
    '-',
    '',
  ];
  const pieces = [
    'host',
    '/',
    'x',
    '.git',
    '#',
    ':',
    '?',
    'ref=',
    'subdir=',
    '&',
    '..',
    '-',
    '@',
    ' ',
    '%2e',
    '\n',
    '\0',
  ];
  let taken = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = madeUp.one(starts) + madeUp.text(pieces, 12);
    const address = attempt(text, () => (isGitAddress(text) ? parseGitAddress(text) : undefined));
    if (!address) continue;
    taken += 1;
    const { remote, ref = '', subdir = '' } = address;
    assert.match(remote, /^(?:(?:https?|git|ssh):\/\/[^-]|[A-Za-z0-9_])/, text);
    assert.doesNotMatch(`${remote}${ref}${subdir}`, /[\s\0]/, text);
    assert.doesNotMatch(ref, /^-|\.\.|:/, text);
    assert.ok(!subdir.split('/').includes('..') && !subdir.startsWith('/'), text);
  }
  assert.ok(taken > ROUNDS / 100, `only ${taken} were addresses`);
});
