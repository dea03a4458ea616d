import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Leases } from './leases.ts';

test('a name is held until its last holder lets go', () => {
  const leases = new Leases();
  const one = leases.hold(['a', 'b']);
  const two = leases.hold(['a', 'a']);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  assert.deepEqual([leases.isHeld('a'), leases.isHeld('b')], [true, false]);
  two[Symbol.dispose]();
  assert.equal(leases.isHeld('a'), false);
});
