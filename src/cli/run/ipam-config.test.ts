import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipamConfig } from './ipam-config.ts';

test('ranges, gateways and reserved addresses go to the subnet that contains them', () => {
  assert.deepEqual(
    ipamConfig(['10.1.0.0/16', 'fd00::/64'], ['10.1.2.0/24'], ['fd00::1', '10.1.0.1'], { nas: '10.1.0.9' }),
    [
      {
        Subnet: '10.1.0.0/16',
        IPRange: '10.1.2.0/24',
        Gateway: '10.1.0.1',
        AuxiliaryAddresses: { nas: '10.1.0.9' },
      },
      { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
    ],
  );
  assert.deepEqual(ipamConfig([], [], [], {}), []);
});

type Args = Parameters<typeof ipamConfig>;

for (const [args, message] of [
  [[[], [], ['10.0.0.1'], {}], 'every ip-range or gateway must have a corresponding subnet'],
  [[['10.0.0.0/24'], [], ['10.0.1.1'], {}], 'no matching subnet for gateway 10.0.1.1'],
  [
    [['10.0.0.0/24'], [], ['10.0.0.1', '10.0.0.2'], {}],
    'every ip-range or gateway must have a corresponding subnet',
  ],
  [
    [['10.0.0.0/24', '10.0.1.0/24'], [], ['10.0.0.1', '10.0.0.2'], {}],
    'cannot configure multiple gateways (10.0.0.2, 10.0.0.1) for the same subnet (10.0.0.0/24)',
  ],
  [[['x'], [], ['10.0.0.1'], {}], 'invalid subnet x: not an address with a prefix length'],
] as [Args, string][]) {
  test(`ipamConfig() refuses ${JSON.stringify(args)}: ${message}`, () =>
    assert.throws(() => ipamConfig(...args), { message }));
}
