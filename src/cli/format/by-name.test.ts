import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byName } from './by-name.ts';

test('byName(): numbers in names count as numbers, all else goes by bytes', () => {
  // As Docker's own command line lists networks of these names.
  const listed =
    '1 01 001 2 10 10a B a a1 a1-2 a1.2 a1.10 a1b a01 a01b a2 a10 a99999999999999999998 a99999999999999999999 ' +
    'a100000000000000000000 a-1 a.1 a_1 ab b';
  const networks = listed.split(' ').map(Name => ({ Name }));
  assert.deepEqual(byName(networks.toReversed()), networks);
  assert.deepEqual(byName([{ Name: 'a' }, {}]), [{}, { Name: 'a' }]);
});
