import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indentJson, parseExactJson } from './exact-json.ts';
import { jsonText } from './template-functions.ts';

test('indentJson() lays out as JSON.stringify, but keeps numbers, escapes and order', () => {
  const text =
    '{"b":[1,2.50,1e5,9223372036854775807],"a":{},"c":[],"d":[{}],"e":"x:\\"y\\",{}[]\\u00e9","f":null,"g":{"h":true}}';
  const laidOut = indentJson(text, '    ');
  assert.equal(laidOut.split('\n')[1], '    "b": [');
  assert.ok(laidOut.includes('        2.50,\n        1e5,\n        9223372036854775807\n    ],'));
  assert.ok(laidOut.includes('"e": "x:\\"y\\",{}[]\\u00e9"'));
  assert.ok(laidOut.includes('    "a": {},\n    "c": [],\n    "d": [\n        {}\n    ],'));
  assert.deepEqual(JSON.parse(laidOut), JSON.parse(text));
});

test('indentJson() agrees with JSON.stringify where that loses nothing', () => {
  for (const value of [
    [],
    {},
    [[]],
    [[], []],
    { a: [] },
    { a: { b: [1, { c: 'd' }] } },
    'x',
    1,
    null,
    [1, 2],
  ]) {
    const compact = JSON.stringify(value);
    assert.equal(indentJson(compact, '  '), JSON.stringify(value, undefined, 2), compact);
    assert.equal(indentJson(JSON.stringify(value, undefined, 7), '  '), JSON.stringify(value, undefined, 2));
  }
});

test('indentJson() escapes what a terminal would obey, and survives what is no JSON', () => {
  const laidOut = indentJson(JSON.stringify({ a: 'x\x1b\u009b1m\x7f\u202e\u200e' }), ' ');
  assert.doesNotMatch(laidOut.replaceAll('\n', ''), /[\p{Cc}\u202e\u200e]/u);
  assert.deepEqual(JSON.parse(laidOut), { a: 'x\x1b\u009b1m\x7f\u202e\u200e' });
  for (const text of [']]]', '}']) assert.equal(indentJson(text, '  '), text);
});

test('parseExactJson() keeps the digits of large whole numbers', () => {
  const text = '{"nano":1767366245123456789,"n":5,"s":"1767366245123456789","f":1.5}';
  const value = parseExactJson(text);
  assert.deepEqual(value, { nano: 1767366245123456789n, n: 5, s: '1767366245123456789', f: 1.5 });
  assert.equal(jsonText(value), text);
});
