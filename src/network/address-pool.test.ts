import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressPool } from './address-pool.ts';
import { formatIp, parseIp, parseSubnet } from './ip-address.ts';

const ip = (text: string) => parseIp(text) ?? assert.fail(text);
const subnet = (text: string) => parseSubnet(text) ?? assert.fail(text);

function pool(text: string, options: { range?: string; reserved?: string[] } = {}): AddressPool {
  return new AddressPool({
    subnet: subnet(text),
    reserved: (options.reserved ?? []).map(ip),
    ...(options.range !== undefined && { range: subnet(options.range) }),
  });
}

function drain(from: AddressPool): string[] {
  const all: string[] = [];
  for (let next = from.allocate(); next; next = from.allocate()) all.push(formatIp(next));
  return all;
}

test('allocate() hands out the lowest free address, without network, broadcast and reserved ones', () => {
  const small = pool('10.0.0.0/29', { reserved: ['10.0.0.1', '10.0.0.4'] });
  assert.deepEqual(drain(small), ['10.0.0.2', '10.0.0.3', '10.0.0.5', '10.0.0.6']);
  small.release(ip('10.0.0.5'));
  small.release(ip('10.0.0.3'));
  assert.deepEqual(drain(small), ['10.0.0.3', '10.0.0.5']);
});

test('allocate() keeps to the range; take() may leave it', () => {
  const ranged = pool('10.0.0.0/24', { range: '10.0.0.128/30' });
  assert.equal(ranged.take(ip('10.0.0.9')), true);
  assert.equal(ranged.take(ip('10.0.0.129')), true);
  assert.deepEqual(drain(ranged), ['10.0.0.128', '10.0.0.130', '10.0.0.131']);
  ranged.release(ip('10.0.0.9'));
  assert.deepEqual(drain(ranged), [], 'an address outside the range is not handed out when it comes back');
});

test('the last range of a subnet ends before the broadcast address, and IPv6 has none', () => {
  assert.deepEqual(drain(pool('10.0.0.0/24', { range: '10.0.0.252/30' })), [
    '10.0.0.252',
    '10.0.0.253',
    '10.0.0.254',
  ]);
  assert.deepEqual(drain(pool('fd00::/126')), ['fd00::1', 'fd00::2', 'fd00::3']);
});

test('prefixes for two addresses and for one are used whole', () => {
  assert.deepEqual(drain(pool('10.0.0.0/31')), ['10.0.0.0', '10.0.0.1']);
  assert.deepEqual(drain(pool('10.0.0.7/32')), ['10.0.0.7']);
});

test('take() refuses what is taken or reserved, isUsable() what nobody could have', () => {
  const small = pool('10.0.0.0/29', { reserved: ['10.0.0.1'] });
  assert.deepEqual(
    [small.take(ip('10.0.0.1')), small.take(ip('10.0.0.2')), small.take(ip('10.0.0.2'))],
    [false, true, false],
  );
  assert.deepEqual(
    ['10.0.0.0', '10.0.0.1', '10.0.0.6', '10.0.0.7', '10.0.0.8', 'fd00::1'].map(text =>
      small.isUsable(ip(text)),
    ),
    [false, true, true, false, false, false],
  );
});

test('allocate() from a /64 does not walk through it', () => {
  const big = pool('fd00::/64', { reserved: ['fd00::1'] });
  assert.equal(formatIp(big.allocate() ?? ip('::')), 'fd00::2');
});
