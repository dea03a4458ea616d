import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import {
  booleanFilter,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesNoLabel,
  matchesPattern,
  parseFilters,
  queryFilters,
} from './filters.ts';

function filters(map: Record<string, string[]>): Filters {
  return new Map(Object.entries(map));
}

test('parseFilters() reads both forms, and nothing', () => {
  const both = filters({ label: ['a=b', 'c'], status: ['running'] });
  assert.deepEqual(parseFilters('{"label":{"a=b":true,"c":true},"status":{"running":true}}'), both);
  assert.deepEqual(parseFilters('{"label":["a=b","c","c"],"status":["running"]}'), both);
  for (const text of ['', '{}', 'null']) assert.deepEqual(parseFilters(text), new Map());
  assert.deepEqual(parseFilters('{"label":null}'), filters({ label: [] }));
});

for (const text of [
  '{',
  '[]',
  '1',
  '"x"',
  '{"label":"x"}',
  '{"label":[1]}',
  '{"label":{"a":1}}',
  '{"a":{"b":{"c":1}}}',
]) {
  test(`parseFilters() refuses ${text}`, () => {
    assert.throws(() => parseFilters(text), { kind: 'invalid', message: 'invalid filter' });
  });
}

test('queryFilters() refuses a name the route does not know', () => {
  const schema = queryFilters(['label']);
  assert.deepEqual(v.parse(schema, ['{"label":["x"]}']), filters({ label: ['x'] }));
  assert.throws(() => v.parse(schema, ['{"lable":["x"]}']), {
    kind: 'invalid',
    message: "invalid filter 'lable'",
  });
});

test('booleanFilter() takes one truth value', () => {
  assert.equal(booleanFilter(filters({}), 'all', true), true);
  assert.equal(booleanFilter(filters({ all: ['1'] }), 'all', false), true);
  assert.equal(booleanFilter(filters({ all: ['false'] }), 'all', true), false);
  for (const values of [[], ['x'], ['1', '0']]) {
    assert.throws(() => booleanFilter(filters({ all: values }), 'all', false), {
      message: `invalid filter 'all=[${values.join(' ')}]'`,
    });
  }
});

test('values of one filter are alternatives, labels all have to hold', () => {
  assert.ok(matchesExactly(filters({}), 'driver', 'local'));
  assert.ok(matchesExactly(filters({ driver: ['nfs', 'local'] }), 'driver', 'local'));
  assert.ok(!matchesExactly(filters({ driver: ['loc'] }), 'driver', 'local'));
  const labels = { a: 'b', c: '' };
  assert.ok(matchesLabels(filters({ label: ['a', 'a=b', 'c='] }), 'label', labels));
  assert.ok(!matchesLabels(filters({ label: ['a', 'd'] }), 'label', labels));
  assert.ok(!matchesLabels(filters({ label: ['toString'] }), 'label', labels));
  assert.ok(matchesNoLabel(filters({ 'label!': ['d', 'a=x'] }), 'label!', labels));
  assert.ok(!matchesNoLabel(filters({ 'label!': ['d', 'a'] }), 'label!', labels));
});

test('matchesPattern() takes parts, regular expressions, and what is neither', () => {
  const matches = (pattern: string, text: string): boolean =>
    matchesPattern(filters({ name: [pattern] }), 'name', text);
  assert.ok(matches('ata', 'data'));
  assert.ok(matches('^data$', 'data'));
  assert.ok(!matches('^ata', 'data'));
  assert.ok(matches('[', '['));
  assert.ok(!matches('(', 'x'));
  assert.ok(!matches('(a+)+$', `${'a'.repeat(250)}b`)); // a regular expression that backtracks would not end
});
