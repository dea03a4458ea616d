import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TagOwners } from './tag-owners.ts';

test('whose a tag is is known until the place does not have it any more', () => {
  const owners = new TagOwners();
  owners.note('a', '1', 'data');
  owners.note('a', '2', '');
  owners.note('b', '1', 'other');
  owners.keepOnly('a', ['2', '3']);
  assert.deepEqual(
    [owners.of('a', '1'), owners.of('a', '2'), owners.of('b', '1'), owners.of('c', '1')],
    [undefined, '', 'other', undefined],
  );
});

test('it does not grow without end', () => {
  const owners = new TagOwners();
  for (let number = 0; number < 10_000; number += 1) owners.note('a', String(number), 'data');
  owners.note('b', '1', 'data');
  assert.equal(owners.of('a', '5'), undefined);
  assert.equal(owners.of('b', '1'), 'data');
});
