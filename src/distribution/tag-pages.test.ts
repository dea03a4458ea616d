import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextLink } from './tag-pages.ts';

const BASE = new URL('https://r.example/v2/a/tags/list?n=2');

test('nextLink() finds the next page, at the same registry whatever the link says', () => {
  assert.equal(nextLink('</v2/a/tags/list?last=b&n=2>; rel="next"', BASE), '/v2/a/tags/list?last=b&n=2');
  assert.equal(nextLink('<https://evil.example/x?y>; rel=next', BASE), '/x?y');
  assert.equal(nextLink('</one>; rel="prev", </two>; rel="next"', BASE), '/two');
});

test('nextLink() ends where there is none', () => {
  for (const header of [
    '',
    'garbage',
    '</x>; rel="prev"',
    `<${'a'.repeat(5000)}>; rel="next"`,
    '<>; rel="next"',
  ]) {
    assert.equal(nextLink(header, BASE), undefined, header);
  }
});
