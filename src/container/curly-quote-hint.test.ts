import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curlyQuoteHint } from './curly-quote-hint.ts';

test('curlyQuoteHint() shows what was meant by a variable in curly quotes', () => {
  assert.equal(
    curlyQuoteHint(['PATH=/bin', '“VARIABLE=value”']),
    'the environment variable “VARIABLE=value” begins with a curly quote, which a shell does not take for a quote: write -e "VARIABLE=value"',
  );
});

test('curlyQuoteHint() has nothing to say about quotes in values', () => {
  assert.equal(curlyQuoteHint(['TEXT=“quoted”', '', 'A="b"']), undefined);
});
