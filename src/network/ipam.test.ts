import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ipam } from './ipam.ts';
import type { NetworkCreateOptions } from './network.ts';
import { planNetwork } from './network-plan.ts';
import type { NetworkRecord } from './network-table.ts';
import { BRIDGE_POOLS } from './subnet-choice.ts';

function network(options: Partial<NetworkCreateOptions> = {}): NetworkRecord {
  const driver = { name: 'bridge', check: () => undefined, isOnLan: false };
  return planNetwork({ name: 'n', ...options }, { driver, pools: BRIDGE_POOLS, taken: [] });
}

function ipamFor(one: NetworkRecord): Ipam {
  const ipam = new Ipam((_network, address) => `container with ${address}`);
  ipam.open(one);
  return ipam;
}

test('assign() starts behind the gateway and reuses what is released', () => {
  const one = network();
  const ipam = ipamFor(one);
  const first = { address: '172.17.0.2', prefixLength: 16, gateway: '172.17.0.1' };
  assert.deepEqual(ipam.assign(one, 4), first);
  assert.equal(ipam.assign(one, 4)?.address, '172.17.0.3');
  ipam.release(one.id, '172.17.0.2');
  assert.deepEqual(ipam.assign(one, 4), first);
  assert.equal(ipam.assign(one, 6), undefined);
});

test('occupy() keeps stored addresses from being given again', () => {
  const one = network();
  const ipam = ipamFor(one);
  ipam.occupy(one.id, '172.17.0.2');
  assert.equal(ipam.assign(one, 4)?.address, '172.17.0.3');
});

test('endpoints of internal networks have no gateway', () => {
  const one = network({ isInternal: true });
  assert.deepEqual(ipamFor(one).assign(one, 4), { address: '172.17.0.2', prefixLength: 16 });
});

test('an asked address must be free, inside, and on a network whose range was chosen', () => {
  const one = network({ pools: [{ subnet: '10.1.0.0/24' }] });
  const ipam = ipamFor(one);
  assert.equal(ipam.assign(one, 4, '10.1.0.9')?.address, '10.1.0.9');
  assert.throws(() => ipam.assign(one, 4, '10.1.0.9'), {
    kind: 'conflict',
    message: 'Address already in use: 10.1.0.9 is held by container with 10.1.0.9',
  });
  assert.throws(() => ipam.assign(one, 4, '10.1.0.1'), { message: /held by the gateway/ });
  assert.throws(() => ipam.assign(one, 4, '10.1.0.0'), {
    kind: 'invalid',
    message: /10\.1\.0\.0: it is the network or broadcast address of 10\.1\.0\.0\//,
  });
  assert.throws(() => ipam.assign(one, 4, '10.2.0.9'), {
    kind: 'invalid',
    message: 'no configured subnet contains IP address 10.2.0.9: the network has 10.1.0.0/24',
  });
  assert.throws(() => ipam.assign(one, 4, 'fd00::1'), { kind: 'invalid' });
  const chosenForUs = network();
  assert.throws(() => ipamFor(chosenForUs).assign(chosenForUs, 4, '172.17.0.9'), {
    kind: 'invalid',
    message: /only when connecting to networks with user configured subnets/,
  });
});
