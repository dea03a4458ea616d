import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError, messageOf } from '#base/errors';
import { parseDockerfile } from '#spec/dockerfile/parse-dockerfile';

/** What hostile text may take; a parser that looks at something twice takes minutes. */
const MOST_MS = 10_000;

const KIB = 1024;
const many = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('');

// Reading is over at once, with a result or with a reason.
const FILES: readonly (readonly [what: string, body: () => string, reason?: RegExp])[] = [
  [
    'a line of a megabyte',
    () => `RUN ${'x'.repeat(KIB * KIB)}`,
    /line 2: line greater than max allowed size/,
  ],
  ['5 MiB', () => '#\n'.repeat(2_700_000), /larger than 4 MiB/],
  ['a million lines', () => '\n'.repeat(1_000_000), /more than 200000 lines/],
  ['100,000 stages', () => 'FROM a\n'.repeat(100_000), /more than 20000 instructions/],
  ['2,000 stages', () => 'FROM a\n'.repeat(2000), /line 1001: more than 1000 stages/],
  [
    'a continued line of 2 MiB',
    () => `RUN ${`${'x'.repeat(60_000)}\\\n`.repeat(40)}`,
    /instruction is longer/,
  ],
  ['here-documents without an end', () => `RUN ${'<<A '.repeat(10_000)}`, /line 2: unterminated heredoc <<A/],
  [
    'here-documents that hold one another',
    () => many(2000, index => `RUN <<A${index}`),
    /line 2: unterminated heredoc <<A0/,
  ],
  ['ten thousand here-documents', () => `COPY ${'<<A '.repeat(10_000)}/\n${'x\nA\n'.repeat(10_000)}`],
  ['flags by the thousand', () => `COPY ${'--exclude=a '.repeat(5000)} a b`, /more than 1000 flags/],
  ['fields of a mount', () => `RUN --mount='${'"a,'.repeat(20_000)}' x`, /parse error on line 2/],
  ['brackets', () => `CMD ${'['.repeat(60_000)}`],
  ['quotes', () => `ENV ${'A="\\'.repeat(15_000)}`],
  ['escapes', () => `RUN x${'\\'.repeat(60_000)}`],
  ['blanks', () => `RUN x${' '.repeat(60_000)}y`],
  ['braces that do not end', () => `COPY ${'${a-'.repeat(15_000)} /`],
  ['braces within braces', () => `ENV A=${'${a:-'.repeat(9000)}${'}'.repeat(9000)}`],
  ['ONBUILD of ONBUILD', () => `${'ONBUILD '.repeat(8000)}RUN x`, /Chaining ONBUILD/],
  ['a long word for a keyword', () => `${'R'.repeat(60_000)} x`, /unknown instruction: R{100}…/],
  ['a duration of digits', () => `HEALTHCHECK --interval=${'1'.repeat(60_000)} CMD x`, /invalid duration/],
  [
    'thousands of variables that are near one another',
    () => many(4000, index => `ARG A${index}\nUSER $B${index}`),
  ],
  ['NUL', () => 'RUN \0', /line 2: holds a NUL character/],
];

for (const [what, body, reason] of FILES) {
  test(`a Dockerfile with ${what} is read or refused at once`, () => {
    const text = `FROM scratch\n${body()}`;
    const begun = performance.now();
    let message = '';
    try {
      parseDockerfile(text);
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === 'invalid', String(error));
      message = messageOf(error);
    }
    const took = performance.now() - begun;
    assert.ok(took < MOST_MS, `${took} ms`);
    assert.ok(message.length < 70_000, `a message of ${message.length} characters`);
    if (reason) assert.match(message, reason);
  });
}
