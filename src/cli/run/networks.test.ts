import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from '../flag-parser.ts';
import { createFlags } from './create-flags.ts';
import { type NetworkOptions, readNetworks } from './networks.ts';

function words(line: string): string[] {
  return line.split(' ');
}

async function networks(...words: string[]): Promise<NetworkOptions> {
  return readNetworks((await parseFlags(words, { flags: createFlags })).flags);
}

test('without --network the default one is asked for, and nothing is said about it', async () => {
  assert.deepEqual(await networks(), { mode: 'default', macAddress: '', config: {} });
});

for (const name of ['host', 'none', 'container:abc', 'mine']) {
  test(`--network ${name} alone is only the mode`, async () => {
    assert.deepEqual(await networks('--network', name), { mode: name, macAddress: '', config: {} });
  });
}

test('single options belong to the first network', async () => {
  const { mode, config, macAddress } = await networks(
    ...words('--network a --net b --network-alias x --net-alias y --ip 10.0.0.2'),
    ...words('--mac-address 92:d0:c6:0a:29:33 --link db:d'),
  );
  assert.equal(mode, 'a');
  assert.equal(macAddress, '92:d0:c6:0a:29:33');
  assert.deepEqual(config, {
    EndpointsConfig: {
      a: {
        IPAMConfig: { IPv4Address: '10.0.0.2', IPv6Address: '', LinkLocalIPs: [] },
        Links: ['db:d'],
        Aliases: ['x', 'y'],
        MacAddress: '92:d0:c6:0a:29:33',
      },
      b: {},
    },
  });
});

test('the long form says it per network', async () => {
  const { config } = await networks(
    '--network',
    'name=a,alias=x,alias=y,ip6=fd00::2,driver-opt=k=v=w,gw-priority=-3',
  );
  assert.deepEqual(config, {
    EndpointsConfig: {
      a: {
        IPAMConfig: { IPv4Address: '', IPv6Address: 'fd00::2', LinkLocalIPs: [] },
        Aliases: ['x', 'y'],
        DriverOpts: { k: 'v=w' },
        GwPriority: -3,
      },
    },
  });
});

test('links of the default networks stay with the container', async () => {
  assert.deepEqual((await networks('--link', 'a')).config, {});
  assert.deepEqual((await networks('--network', 'bridge', '--link', 'a')).config, {});
});

for (const [words, message] of [
  [['--network', 'a', '--network', 'a'], 'network "a" is specified multiple times'],
  [
    ['--network', 'a', '--network', 'host'],
    'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
  ],
  [
    ['--network', 'name=a,alias=b', '--network-alias', 'c'],
    'conflicting options: cannot specify both --network-alias and per-network alias',
  ],
  [
    ['--network', 'name=a,ip=1.2.3.4', '--ip', '1.2.3.5'],
    'conflicting options: cannot specify both --ip and per-network IPv4 address',
  ],
  [['--network-alias', 'x'], 'network-scoped aliases are only supported for user-defined networks'],
  [
    ['--network', 'name=a,foo=b'],
    'invalid argument "name=a,foo=b" for "--network" flag: invalid field key foo',
  ],
  [
    ['--network', 'alias=b'],
    'invalid argument "alias=b" for "--network" flag: network name/id is not specified',
  ],
  [['--network', ''], 'no name set for network'],
  [['--network', 'a', '--ip', '1.2.3'], 'invalid IPv4 address: 1.2.3'],
  [['--network', 'a', '--ip6', '1.2.3.4'], 'invalid IPv6 address: 1.2.3.4'],
  [['--mac-address', 'xx'], 'xx is not a valid mac address'],
] as const) {
  test(`${words.join(' ')} is refused: ${message}`, async () => {
    await assert.rejects(networks(...words), { message });
  });
}
