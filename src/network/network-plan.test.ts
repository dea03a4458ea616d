import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBridgeOptions } from './drivers/bridge-options.ts';
import { DriverTable } from './drivers/driver-table.ts';
import { plainDriver } from './drivers/plain-driver.ts';
import { parseSubnet } from './ip-address.ts';
import type { NetworkCreateOptions } from './network.ts';
import { type PlanContext, planNetwork } from './network-plan.ts';
import { BRIDGE_POOLS } from './subnet-choice.ts';

const bridge: PlanContext['driver'] = {
  name: 'bridge',
  isOnLan: false,
  check: ({ options }) => void parseBridgeOptions(options),
};

const POOLS = [...BRIDGE_POOLS, { base: 'fd12:3456:789a::/48', size: 64 }];

function context(taken: Record<string, string> = {}, pools = POOLS): PlanContext {
  return {
    driver: bridge,
    pools,
    taken: Object.entries(taken).map(([text, holder]) => ({
      subnet: parseSubnet(text) ?? assert.fail(text),
      holder,
    })),
  };
}

const plan = (options: Partial<NetworkCreateOptions>, taken?: Record<string, string>) =>
  planNetwork({ name: 'n', ...options }, context(taken));

test('a network without wishes gets the first default range that is free, and its first address as gateway', () => {
  assert.deepEqual(plan({}).ipam.pools, [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }]);
  const taken = { '172.17.9.0/24': 'a', '172.18.0.0/15': 'b', '172.20.0.1/32': 'c' };
  assert.deepEqual(plan({}, taken).ipam.pools, [{ subnet: '172.21.0.0/16', gateway: '172.21.0.1' }]);
  assert.deepEqual(plan({}, { '172.16.0.0/12': 'a' }).ipam.pools[0]?.subnet, '192.168.0.0/20');
});

test('when all default ranges are taken it says so', () => {
  assert.throws(() => plan({}, { '172.16.0.0/12': 'a', '192.168.0.0/16': 'b' }), {
    kind: 'invalid',
    message: /^all predefined address pools have been fully subnetted/,
  });
});

test('a chosen range is completed: host bits cut, gateway found', () => {
  const asked = [{ subnet: '10.1.2.3/24', ipRange: '10.1.2.128/25', auxAddresses: { a: '10.1.2.200' } }];
  assert.deepEqual(plan({ pools: asked }).ipam.pools, [
    {
      subnet: '10.1.2.0/24',
      gateway: '10.1.2.128',
      ipRange: '10.1.2.128/25',
      auxAddresses: { a: '10.1.2.200' },
    },
  ]);
  assert.equal(
    plan({ pools: [{ subnet: '10.1.2.0/24', gateway: '10.1.2.254' }] }).ipam.pools[0]?.gateway,
    '10.1.2.254',
  );
  const spare = [{ subnet: '10.1.2.0/24', auxAddresses: { a: '10.1.2.1', b: '10.1.2.2' } }];
  assert.equal(plan({ pools: spare }).ipam.pools[0]?.gateway, '10.1.2.3', 'not what is kept for others');
  assert.equal(plan({ pools: asked }).hasChosenSubnets, true);
  assert.equal(plan({}).hasChosenSubnets, false);
});

test('IPv6 comes when asked for or when a range says so', () => {
  const six = plan({ hasIpv6: true });
  assert.match(six.ipam.pools[1]?.subnet ?? '', /^fd[0-9a-f]{2}:.*\/64$/);
  const chosen = plan({ pools: [{ subnet: 'fd00:1::/64' }] });
  assert.equal(chosen.hasIpv6, true);
  assert.deepEqual(
    chosen.ipam.pools.map(pool => pool.subnet),
    ['172.17.0.0/16', 'fd00:1::/64'],
  );
  const only = plan({ hasIpv4: false, hasIpv6: true });
  assert.equal(only.ipam.pools.length, 1);
});

const REFUSED: readonly [string, Partial<NetworkCreateOptions>, { kind: string; message?: RegExp }][] = [
  ['no name', { name: '' }, { kind: 'invalid' }],
  ['a name with a space', { name: 'a b' }, { kind: 'invalid' }],
  ['a name like an option', { name: '-x' }, { kind: 'invalid' }],
  ['a name that means something else', { name: 'default' }, { kind: 'invalid' }],
  ['a name of 200 letters', { name: 'a'.repeat(200) }, { kind: 'invalid' }],
  ['no family at all', { hasIpv4: false }, { kind: 'invalid' }],
  [
    'nonsense for a subnet',
    { pools: [{ subnet: '10.0.0.0' }] },
    { kind: 'invalid', message: /invalid subnet/ },
  ],
  [
    'a gateway outside',
    { pools: [{ subnet: '10.0.0.0/24', gateway: '10.0.1.1' }] },
    { kind: 'invalid', message: /^no matching subnet for gateway 10\.0\.1\.1/ },
  ],
  [
    'a gateway that is the network itself',
    { pools: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.0' }] },
    {
      kind: 'invalid',
      message: /10\.0\.0\.0 is the network address of .* take one from 10\.0\.0\.1 to 10\.0\.0\.254$/,
    },
  ],
  [
    'a gateway that is everybody',
    { pools: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.255' }] },
    { kind: 'invalid', message: /is the broadcast address/ },
  ],
  [
    'a gateway that is kept for somebody else',
    { pools: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.9', auxAddresses: { dns: '10.0.0.9' } }] },
    { kind: 'conflict', message: /^Address already in use: 10\.0\.0\.9 is held by aux-address dns/ },
  ],
  [
    'multicast addresses',
    { pools: [{ subnet: '224.0.1.0/24' }] },
    { kind: 'invalid', message: /is of multicast addresses/ },
  ],
  [
    'multicast addresses of IPv6',
    { pools: [{ subnet: 'ff02::/64' }] },
    { kind: 'invalid', message: /multicast/ },
  ],
  [
    'addresses of nowhere',
    { pools: [{ subnet: '0.0.0.0/8' }] },
    { kind: 'invalid', message: /"this network"/ },
  ],
  [
    'a subnet of the family that is off',
    { hasIpv4: false, hasIpv6: true, pools: [{ subnet: '10.0.0.0/24' }] },
    { kind: 'invalid', message: /10\.0\.0\.0\/24 is of IPv4, which this network is made without/ },
  ],
  [
    'a gateway without subnet',
    { pools: [{ subnet: '', gateway: '10.0.1.1' }] },
    { kind: 'invalid', message: /^no matching subnet/ },
  ],
  [
    'a range outside',
    { pools: [{ subnet: '10.0.0.0/24', ipRange: '10.0.1.0/25' }] },
    { kind: 'invalid', message: /range/ },
  ],
  [
    'a range wider than the subnet',
    { pools: [{ subnet: '10.0.0.0/24', ipRange: '10.0.0.0/16' }] },
    { kind: 'invalid', message: /range/ },
  ],
  [
    'a subnet of one address',
    { pools: [{ subnet: '10.0.0.1/32' }] },
    { kind: 'invalid', message: /no room/ },
  ],
  [
    'a range that is taken',
    { pools: [{ subnet: '10.9.1.0/24' }] },
    { kind: 'forbidden', message: /Pool overlaps.*10\.9\.1\.0\/24 is in use by interface vpn0/ },
  ],
  [
    'the same range twice',
    { pools: [{ subnet: '10.0.0.0/24' }, { subnet: '10.0.0.0/25' }] },
    { kind: 'forbidden' },
  ],
  [
    'an MTU that cannot be',
    { options: { 'com.docker.network.driver.mtu': '9x' } },
    { kind: 'invalid', message: /^invalid value "9x" for network option .*mtu: use 68 to 65535$/ },
  ],
  [
    'a gateway mode that there is not',
    { options: { 'com.docker.network.bridge.gateway_mode_ipv6': 'open' } },
    { kind: 'invalid', message: /: use nat, nat-unprotected, routed, isolated$/ },
  ],
  [
    'a bridge name that cannot be',
    { options: { 'com.docker.network.bridge.name': 'a"; }' } },
    { kind: 'invalid' },
  ],
  ['a yes that is none', { options: { 'com.docker.network.bridge.enable_icc': 'yes' } }, { kind: 'invalid' }],
];
for (const [what, options, error] of REFUSED) {
  test(`planNetwork() refuses ${what}`, () => {
    assert.throws(() => plan(options, { '10.9.0.0/16': 'interface vpn0' }), error);
  });
}

test('drivers that are not there are refused in words', async () => {
  const drivers = new DriverTable([plainDriver('host'), plainDriver('null')]);
  const driver = await drivers.get('host');
  assert.throws(() => planNetwork({ name: 'n' }, { ...context(), driver }), {
    kind: 'forbidden',
    message: /^only one instance of "host"/,
  });
  await assert.rejects(drivers.get('weave'), { kind: 'notFound', message: /^could not find plugin weave/ });
  await assert.rejects(drivers.get('overlay'), { kind: 'notImplemented' });
});

test('planNetwork() names who is in the way, and a range of that size that is free', () => {
  const taken = { '172.17.0.0/16': 'network bridge', '172.18.0.0/24': 'interface tun0' };
  assert.throws(() => plan({ pools: [{ subnet: '172.18.0.128/25' }] }, taken), {
    kind: 'forbidden',
    message: /172\.18\.0\.128\/25 is in use by interface tun0; 172\.18\.1\.0\/25 is free$/,
  });
  assert.throws(() => plan({ pools: [{ subnet: '172.0.0.0/8' }] }, taken), /is in use by network bridge$/);
});

test('planNetwork() gives IPv6 to networks that do not say, when told to, but not to those of a LAN', () => {
  const dual = { ...context(), hasIpv6ByDefault: true };
  const families = (options: object, where: PlanContext): number =>
    planNetwork({ name: 'n', ...options }, where).ipam.pools.length;
  assert.equal(families({}, dual), 2);
  assert.equal(families({ pools: [{ subnet: '10.0.0.0/24' }] }, dual), 2);
  assert.equal(families({ hasIpv6: false }, dual), 1);
  assert.equal(families({}, { ...dual, driver: { ...dual.driver, isOnLan: true } }), 1);
  assert.equal(families({}, context()), 1);
  const compose = (version: string): object => ({ labels: { 'com.docker.compose.version': version } });
  assert.equal(families(compose('1.29.2'), dual), 1, 'Compose 1 takes it for a change');
  assert.equal(families({ ...compose('1.29.2'), hasIpv6: true }, dual), 2);
  assert.equal(families(compose('2.26.1'), dual), 2);
});
