import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { NETWORK_KEYS, networkOptions } from './network-options.ts';

const Keys = v.object(NETWORK_KEYS);

test('networkOptions(): IPv6 by default, ranges and names only when given', () => {
  assert.deepEqual(networkOptions(v.parse(Keys, {})), { hasIpv6ByDefault: true });
  const pools = [{ base: '10.10.0.0/16', size: 24 }];
  assert.deepEqual(
    networkOptions(
      v.parse(Keys, {
        'default-address-pools': pools,
        'default-network-ipv6': false,
        'host-dns': '127.0.0.9',
      }),
    ),
    { hasIpv6ByDefault: false, defaultPools: pools, hostStub: { address: '127.0.0.9', port: 53 } },
  );
});

const HOST_DNS: readonly (readonly [text: string, expected: unknown])[] = [
  ['127.0.0.9:5353', { address: '127.0.0.9', port: 5353 }],
  ['::1', undefined],
  ['[::1]:5353', { address: '::1', port: 5353 }],
  ['172.17.0.1', undefined],
  ['0.0.0.0:53', undefined],
  ['127.0.0.9:0', undefined],
  ['127.0.0.9:99999', undefined],
  ['localhost', undefined],
];

for (const [text, expected] of HOST_DNS) {
  test(`host-dns ${text} is ${expected === undefined ? 'refused' : 'taken'}`, () => {
    const { success } = v.safeParse(Keys, { 'host-dns': text });
    if (expected === undefined) assert.equal(success, false);
    else
      assert.deepEqual(
        [success, networkOptions(v.parse(Keys, { 'host-dns': text })).hostStub],
        [true, expected],
      );
  });
}

for (const pool of [
  { base: '10.0.0.0/16', size: 8 },
  { base: '10.0.0.0/16', size: 31 },
  { base: '10.0.0.0', size: 24 },
  { base: 'x', size: 24 },
  { base: '10.0.0.0/16' },
]) {
  test(`default-address-pools refuses ${JSON.stringify(pool)}`, () => {
    assert.equal(v.safeParse(Keys, { 'default-address-pools': [pool] }).success, false);
  });
}
