import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilitiesOf, DEFAULT_CAPABILITIES, grantedCapabilities } from './capabilities.ts';

const ALL = capabilitiesOf(2n ** 41n - 1n);
const NONE = { CapAdd: [], CapDrop: [], Privileged: false };

test('capabilitiesOf() names the bits of the kernel', () => {
  assert.equal(ALL.length, 41);
  assert.deepEqual(capabilitiesOf(1n | (1n << 21n) | (1n << 40n)), [
    'CAP_CHOWN',
    'CAP_SYS_ADMIN',
    'CAP_CHECKPOINT_RESTORE',
  ]);
  // what a container of Docker shows as CapBnd
  assert.deepEqual(new Set(capabilitiesOf(0xa80425fbn)), new Set(DEFAULT_CAPABILITIES));
});

test('grantedCapabilities() adds and drops, with or without prefix, in any case', () => {
  const granted = grantedCapabilities(
    { ...NONE, CapAdd: ['net_admin', 'CAP_BPF'], CapDrop: ['cap_kill'] },
    ALL,
  );
  assert.ok(granted.includes('CAP_NET_ADMIN') && granted.includes('CAP_BPF'));
  assert.ok(!granted.includes('CAP_KILL'));
  assert.equal(granted.length, 15);
});

test('grantedCapabilities() knows ALL on both sides', () => {
  assert.deepEqual(grantedCapabilities({ ...NONE, CapDrop: ['ALL'] }, ALL), []);
  assert.deepEqual(grantedCapabilities({ ...NONE, CapAdd: ['CHOWN'], CapDrop: ['all'] }, ALL), ['CAP_CHOWN']);
  const most = grantedCapabilities({ ...NONE, CapAdd: ['ALL'], CapDrop: ['SYS_ADMIN'] }, ALL);
  assert.deepEqual(
    most,
    ALL.filter(name => name !== 'CAP_SYS_ADMIN'),
  );
});

test('grantedCapabilities() gives a privileged container what the engine has, not more', () => {
  const few = ['CAP_CHOWN', 'CAP_SYS_ADMIN'];
  assert.deepEqual(grantedCapabilities({ ...NONE, CapDrop: ['ALL'], Privileged: true }, few), few);
});

test('grantedCapabilities() refuses unknown and unavailable names', () => {
  assert.throws(() => grantedCapabilities({ ...NONE, CapAdd: ['FLY'] }, ALL), {
    kind: 'invalid',
    message: 'unknown capability: "CAP_FLY"',
  });
  assert.throws(() => grantedCapabilities({ ...NONE, CapAdd: ['BPF'] }, ['CAP_CHOWN']), {
    message: 'capability not supported by your kernel or not available in the current environment: "CAP_BPF"',
  });
});
