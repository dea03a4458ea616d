import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, type Content, flag, html, isSafeAddress, trusted } from './html.ts';

const CANARY = `"'><script>alert(1)</script>\`&`;
const ESCAPED = '&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#96;&amp;';

test('html`` escapes in text and in values, also in lists', () => {
  assert.equal(`${html`<p title="${CANARY}">${CANARY}</p>`}`, `<p title="${ESCAPED}">${ESCAPED}</p>`);
  assert.equal(`${html`<i>${[CANARY, html`<b>${1}</b>`]}</i>`}`, `<i>${ESCAPED}<b>1</b></i>`);
});

test('html`` leaves out what is not there, and keeps what is Html', () => {
  assert.equal(`${html`a${undefined}b${null}c${false}d${0}e${''}f${[]}g`}`, 'abcd0efg');
  assert.equal(`${html`<ul>${html`<li>&</li>`}${trusted('<hr>')}</ul>`}`, '<ul><li>&</li><hr></ul>');
});

test('html`` puts attributes into tags', () => {
  assert.equal(
    `${html`<input ${attribute('title', CANARY)} ${attribute('pattern', undefined)}>`}`,
    `<input title="${ESCAPED}" >`,
  );
  assert.equal(
    `${html`<input type="checkbox" ${flag('checked', true)} ${flag('disabled', false)}>`}`,
    '<input type="checkbox" checked >',
  );
});

const MISTAKES: readonly [what: string, make: (value: Content) => unknown, value: Content][] = [
  ['a value without quotes', value => html`<p title=${value}>`, 'x'],
  ['a value in single quotes', value => html`<p title='${value}'>`, 'x'],
  ['text as an attribute', value => html`<p ${value}>`, 'onclick=alert(1)'],
  ['a hole in the name of a tag', value => html`<${value}>`, 'script'],
  ['a hole in a handler', value => html`<p onclick="${value}">`, 'x'],
  ['a hole in a style', value => html`<p style="${value}">`, 'x'],
  ['markup in a value', value => html`<p title="${value}">`, html`<b>x</b>`],
  ['an attribute in text', value => html`<p>${value}</p>`, flag('checked', true)],
  ['a script as an address', value => html`<a href="${value}">`, 'javascript:alert(1)'],
  ['another host as a path', value => html`<a href="${value}">`, '//evil.example/'],
  ['a backslash as a path', value => html`<form action="${value}">`, '/\\evil.example/'],
  ['data as a picture', value => html`<img src="${value}">`, 'data:text/html,x'],
];

for (const [what, make, value] of MISTAKES) {
  test(`html\`\` refuses ${what}`, () => {
    assert.throws(() => make(value), TypeError);
  });
}

test('html`` takes paths, and web addresses, and what follows them in quotes', () => {
  for (const address of ['/r/a/b?x=1#y', '?page=2', '#top', 'https://a.example/', 'mailto:a@b.example']) {
    assert.equal(`${html`<a href="${address}">`}`, `<a href="${address}">`);
  }
  assert.equal(`${html`<a href="/r/${'javascript:x'}">`}`, '<a href="/r/javascript:x">');
});

test('isSafeAddress() sees through what browsers forgive', () => {
  for (const address of [
    'java\nscript:x',
    ' javascript:x',
    'JAVASCRIPT:x',
    'vbscript:x',
    '\0https://a',
    'x',
  ]) {
    assert.equal(isSafeAddress(address), false, address);
  }
});
