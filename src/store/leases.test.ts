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

test('who waits for a name is called once, when nobody holds it any more', () => {
  const leases = new Leases();
  const one = leases.hold(['a', 'b']);
  const two = leases.hold(['a']);
  const released: string[] = [];
  for (const name of ['a', 'a', 'b']) leases.whenReleased(name, freed => released.push(freed));
  one[Symbol.dispose]();
  assert.deepEqual(released, ['b']);
  two[Symbol.dispose]();
  leases.hold(['a'])[Symbol.dispose]();
  assert.deepEqual(released, ['b', 'a']);
});
