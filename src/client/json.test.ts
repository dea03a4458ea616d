import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, flagAt, listAt, numberAt, objectAt, textAt, textsAt } from './json.ts';

const value = { Name: 'a', N: 3, On: true, List: ['x', 1, null], Deep: { Er: { Id: 'i' } }, Nothing: null };

test('readers follow a path and take what is absent, null or of another type for the zero value', () => {
  assert.equal(textAt(value, 'Deep', 'Er', 'Id'), 'i');
  assert.deepEqual(
    [textAt(value, 'N'), textAt(value, 'Nothing'), textAt(value, 'Name', 'Sub'), textAt(undefined, 'x')],
    ['', '', '', ''],
  );
  assert.deepEqual(
    [numberAt(value, 'N'), numberAt(value, 'Name'), flagAt(value, 'On'), flagAt(value, 'N')],
    [3, 0, true, false],
  );
  assert.deepEqual(
    [listAt(value, 'List').length, listAt(value, 'Deep'), textsAt(value, 'List')],
    [3, [], ['x']],
  );
  assert.deepEqual(objectAt(value, 'List'), {});
});

test('at() does not find what every object inherits', () => {
  assert.equal(at(value, 'constructor'), undefined);
  assert.equal(at(value, 'Deep', 'toString'), undefined);
});
