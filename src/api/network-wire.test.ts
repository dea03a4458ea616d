import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusToWire } from './network-wire.ts';

test('statusToWire(): counts are exact, and stay at the last that has 64 bits', () => {
  const use = [
    { subnet: '10.0.0.0/24', inUse: 3n, available: 253n },
    { subnet: 'fd00::/64', inUse: 2n, available: 2n ** 64n - 2n },
    { subnet: 'fd01::/48', inUse: 2n ** 53n + 1n, available: 2n ** 80n },
  ];
  assert.equal(
    JSON.stringify(statusToWire(use)),
    '{"IPAM":{"Subnets":{"10.0.0.0/24":{"IPsInUse":3,"DynamicIPsAvailable":253},' +
      '"fd00::/64":{"IPsInUse":2,"DynamicIPsAvailable":18446744073709551614},' +
      '"fd01::/48":{"IPsInUse":9007199254740993,"DynamicIPsAvailable":18446744073709551615}}}}',
  );
});
