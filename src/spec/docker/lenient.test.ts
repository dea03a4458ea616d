import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { foldKeys } from './fold-keys.ts';
import { keySet, mapOf, textMap } from './lenient.ts';

/** As it comes from a client: `__proto__` is an ordinary key there. */
const ODD = '{"__proto__":"a","constructor":"b","prototype":"c","toString":"d","plain":"e"}';

test('textMap keeps keys that mean something to JavaScript, and changes no object by them', () => {
  const map = v.parse(textMap, JSON.parse(ODD));
  assert.equal(JSON.stringify(map), ODD);
  assert.equal(Object.getPrototypeOf(map), Object.prototype);
  assert.equal(({} as { plain?: string }).plain, undefined);
  assert.equal(JSON.stringify(v.parse(v.object({ Labels: textMap }), { Labels: map })), `{"Labels":${ODD}}`);
});

test('keySet and nested maps keep them, too', () => {
  assert.deepEqual(v.parse(keySet, JSON.parse('{"__proto__":{},"constructor":{}}')), [
    '__proto__',
    'constructor',
  ]);
  const schema = mapOf(mapOf(v.boolean()));
  const text = '{"constructor":{"__proto__":true}}';
  assert.equal(JSON.stringify(v.parse(schema, JSON.parse(text))), text);
  assert.equal(JSON.stringify(foldKeys(JSON.parse(text), schema)), text);
});

test('mapOf() refuses a value of the wrong type under such a key', () => {
  for (const key of ['__proto__', 'constructor', 'plain']) {
    assert.equal(v.safeParse(mapOf(v.string()), JSON.parse(`{"${key}":1}`)).success, false, key);
  }
  for (const input of ['text', 1, true]) assert.equal(v.safeParse(mapOf(v.string()), input).success, false);
});
