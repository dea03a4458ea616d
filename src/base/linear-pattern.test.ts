import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinearPattern } from './linear-pattern.ts';

const PATTERNS = [
  '',
  'a',
  'web',
  '^web',
  'web$',
  '^web$',
  '^/web$',
  'w.b',
  'w[a-e]b',
  'w[^a-e]b',
  'web|db',
  '^(web|db)$',
  'we*b',
  'we+b',
  'we?b',
  '^(web)+$',
  '(?:we)?b',
  'w\\w+b',
  '\\d+',
  '^\\d{2,3}$',
  'a{2}',
  'a{2,}',
  '^a{0,1}$',
  'a.*b',
  '.*',
  'x*',
  '(a*)*',
  '(a|b)*c',
  '[.]',
  '\\.',
  'a-b',
  'a_b',
  '[a-]',
  '[\\d_]+$',
  '(|a)b',
  'a|',
  '^$',
  'a??',
  '(a+)+$',
  '((a)(b))',
  '[^/]',
  'é',
];
const TEXTS = [
  '',
  'a',
  'aa',
  'aaa',
  'b',
  'ab',
  'aab',
  'aac',
  'bbc',
  'web',
  'wab',
  'wxb',
  'wb',
  'weeb',
  '/web',
  'webweb',
  'web-1',
  'db',
  'a.b',
  'a-b',
  'a_b',
  '12',
  '1234',
  'x12',
  'été',
  '-',
];

for (const pattern of PATTERNS) {
  test(`pattern ${JSON.stringify(pattern)} agrees with V8 on every text`, () => {
    const linear = LinearPattern.parse(pattern);
    assert.ok(linear);
    const own = new RegExp(pattern, 'u');
    assert.deepEqual(
      TEXTS.filter(text => linear.test(text)),
      TEXTS.filter(text => own.test(text)),
    );
  });
}

test('(?i) ignores case', () => {
  assert.ok(LinearPattern.parse('(?i)^WEB[a-z]$')?.test('webX'));
  assert.ok(!LinearPattern.parse('^WEB$')?.test('web'));
});

for (const bad of [
  '(',
  ')',
  'a)',
  '[',
  '[a',
  '*',
  '+a',
  'a|*',
  '\\',
  '\\1',
  '(?<n>a)',
  '(?=a)',
  'a{3,2}',
  'a{999}',
  '(((a{99}){99}){99})',
  '('.repeat(99),
  '[z-a]',
  'a'.repeat(1001),
]) {
  test(`pattern ${JSON.stringify(bad.slice(0, 20))} is refused`, () => {
    assert.equal(LinearPattern.parse(bad), undefined);
  });
}

test('patterns that bring a backtracking matcher down are done at once', () => {
  const text = `${'a'.repeat(200)}!`;
  const started = process.hrtime.bigint();
  for (const pattern of [
    '^(a+)+$',
    '^(a|a)*$',
    '^(a|aa)+$',
    '.*.*.*.*.*.*x',
    '(.*a){20}$',
    '^(a*)*$',
    '(a?){240}b',
  ]) {
    assert.equal(LinearPattern.parse(pattern)?.test(text), false);
  }
  assert.ok(process.hrtime.bigint() - started < 2_000_000_000n);
});
