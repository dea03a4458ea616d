import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSubnet, parseSubnet, type Subnet } from './ip-address.ts';
import { BRIDGE_POOLS, chooseSubnet, DEFAULT_POOLS, type DefaultPool } from './subnet-choice.ts';

function subnets(...texts: readonly string[]): Subnet[] {
  return texts.map(text => parseSubnet(text) ?? assert.fail(text));
}

function chosen(pools: readonly DefaultPool[], ...taken: readonly string[]): string | undefined {
  const subnet = chooseSubnet(4, pools, subnets(...taken));
  return subnet && formatSubnet(subnet);
}

const SMALL: readonly DefaultPool[] = [
  { base: '10.0.0.0/30', size: 31 },
  { base: '10.9.0.0/16', size: 24 },
];

const CASES: readonly (readonly [
  what: string,
  pools: readonly DefaultPool[],
  taken: readonly string[],
  expected: string | undefined,
])[] = [
  ['nothing is taken', SMALL, [], '10.0.0.0/31'],
  ['the first is', SMALL, ['10.0.0.0/32'], '10.0.0.2/31'],
  ['the second is', SMALL, ['10.0.0.3/32'], '10.0.0.0/31'],
  ['a whole pool is', SMALL, ['10.0.0.0/8', '0.0.0.0/5'], undefined],
  ['one pool is', SMALL, ['10.0.0.0/16'], '10.9.0.0/24'],
  ['there are holes, in any order', SMALL, ['10.9.2.0/23', '10.0.0.0/29', '10.9.0.7/32'], '10.9.1.0/24'],
  [
    'ranges lie in each other',
    SMALL,
    ['10.0.0.0/29', '10.9.0.0/22', '10.9.1.0/24', '10.9.4.0/24'],
    '10.9.5.0/24',
  ],
  ['the default bridge comes first', BRIDGE_POOLS, [], '172.17.0.0/16'],
  ['the default bridge has its range', DEFAULT_POOLS, ['172.17.0.0/16'], '172.18.0.0/24'],
];

for (const [what, pools, taken, expected] of CASES) {
  test(`chooseSubnet() when ${what}`, () => {
    assert.equal(chosen(pools, ...taken), expected);
  });
}

test('chooseSubnet() has room for 3,840 networks by default, each choice as quick as the first', () => {
  const taken: Subnet[] = [];
  for (;;) {
    const subnet = chooseSubnet(4, DEFAULT_POOLS, taken.slice(-2_000));
    if (!subnet || taken.length >= 2_000) break;
    taken.push(subnet);
  }
  assert.equal(new Set(taken.map(formatSubnet)).size, 2_000);
  const sizes = DEFAULT_POOLS.map(({ base, size }) => 2 ** (size - Number(base.split('/')[1])));
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    3_840,
  );
});

test('chooseSubnet() finds subnets of IPv6 pools', () => {
  const pools = [{ base: 'fd12:3456:789a::/48', size: 64 }];
  const subnet = chooseSubnet(6, pools, subnets('fd12:3456:789a::/64', '10.0.0.0/8'));
  assert.equal(subnet && formatSubnet(subnet), 'fd12:3456:789a:1::/64');
});
