import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { type FakeAnswer, type FakeMethods, FakePlugin } from '#plugin/fake-plugin';
import { becomeHost, eventually, NetworkFixture, port, type Station, sh, whyNot } from './network-fixture.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

interface Ids {
  readonly NetworkID: string;
  readonly EndpointID: string;
}

/** A driver that makes a bridge per network and a veth per endpoint, by `ip`; what a test names it does otherwise. */
async function wires(fixture: NetworkFixture, other: FakeMethods = {}): Promise<FakePlugin> {
  mkdirSync(fixture.pluginPlaces.sockets[0] ?? '', { recursive: true });
  const bridge = ({ NetworkID }: Ids): string => `pn-${NetworkID.slice(0, 8)}`;
  const link = ({ EndpointID }: Ids): string => `pe-${EndpointID.slice(0, 8)}`;
  const methods: FakeMethods = {
    'NetworkDriver.GetCapabilities': () => ({ Scope: 'local', ConnectivityScope: 'local' }),
    'NetworkDriver.CreateNetwork': (ids: Ids) =>
      ran(`ip link add ${bridge(ids)} type bridge && ip link set ${bridge(ids)} up`),
    'NetworkDriver.DeleteNetwork': (ids: Ids) => ran(`ip link del ${bridge(ids)}`),
    'NetworkDriver.CreateEndpoint': () => ({ Interface: {} }),
    'NetworkDriver.Join': (ids: Ids) => {
      ran(
        `ip link add ${link(ids)} type veth peer name ${link(ids)}c && ip link set ${link(ids)} master ${bridge(ids)} up`,
      );
      return {
        InterfaceName: { SrcName: `${link(ids)}c`, DstPrefix: 'wire' },
        Gateway: '10.91.0.1',
        StaticRoutes: [{ Destination: '10.92.0.0/16', RouteType: 1, NextHop: '' }],
      };
    },
    'NetworkDriver.Leave': () => ({}),
    'NetworkDriver.DeleteEndpoint': (ids: Ids) => ran(`ip link del ${link(ids)}`),
    'NetworkDriver.ProgramExternalConnectivity': () => ({}),
    'NetworkDriver.RevokeExternalConnectivity': () => ({}),
    ...other,
  };
  const path = `${fixture.pluginPlaces.sockets[0]}/wires.sock`;
  return FakePlugin.start(path, { capabilities: ['NetworkDriver', 'IpamDriver'], methods });
}

function ran(command: string): FakeAnswer {
  try {
    sh(command);
    return {};
  } catch (error) {
    return { Err: String(error) };
  }
}

const NETWORK = { name: 'lan', driver: 'wires', pools: [{ subnet: '10.91.0.0/24' }], options: { a: 'b' } };
const own = (): string =>
  sh('ip -o link')
    .split('\n')
    .filter(line => /\bp[ne]-/.test(line))
    .join('\n');

test('a network of a plugin: its links, our addresses and names, and all of it goes (S211)', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  await using plugin = await wires(fixture);
  const network = await fixture.service.create(NETWORK);
  const a = await fixture.run('a', { networks: [{ network: 'lan' }], ports: [port(80, 8080)] });
  const b = await fixture.run('b', { networks: [{ network: 'lan', ipv4Address: '10.91.0.77' }] });
  await a.station.serve('a', 80);
  assert.equal(await b.station.ask(a.ip, 80), 'a 10.91.0.77');
  assert.match(a.station.run('ip route'), /default via 10\.91\.0\.1 dev wire0/);
  assert.match(a.station.run('ip route'), /10\.92\.0\.0\/16 dev wire0/);
  assert.equal(a.endpoints[0]?.interfaceName, 'wire0');
  const asked = (method: string) => plugin.requests[plugin.calls.indexOf(`NetworkDriver.${method}`)];
  assert.deepEqual(asked('CreateNetwork'), {
    NetworkID: network.id,
    Options: {
      'com.docker.network.generic': { a: 'b' },
      'com.docker.network.enable_ipv4': true,
      'com.docker.network.enable_ipv6': false,
      'com.docker.network.internal': false,
    },
    IPv4Data: [
      { AddressSpace: 'LocalDefault', Pool: '10.91.0.0/24', Gateway: '10.91.0.1/24', AuxAddresses: {} },
    ],
    IPv6Data: [],
  });
  assert.match(JSON.stringify(asked('ProgramExternalConnectivity')), /"Port":80,"HostIP":"","HostPort":8080/);
  await fixture.crashAndRestore(new Set([a.id, b.id]));
  assert.equal(await b.station.ask(a.ip, 80), 'a 10.91.0.77');
  await assert.rejects(fixture.service.remove('lan'), { kind: 'forbidden' });
  await fixture.service.detach(b.id, 'lan');
  assert.doesNotMatch(b.station.run('ip -o link'), /wire0/);
  await fixture.stop(a);
  await eventually(() => !/pe-/.test(own()), 'its links are gone');
  assert.ok(plugin.calls.includes('NetworkDriver.RevokeExternalConnectivity'));
  await fixture.service.remove('lan');
  assert.equal(own(), '');
});

test('a plugin is found by its socket; its network has our names, of services too, and passes multicast as ours do (S212, S214, S215)', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  await using _plugin = await wires(fixture);
  await fixture.service.create({ name: 'lan', driver: 'wires', pools: [{ subnet: '10.91.0.0/24' }] });
  await fixture.service.create({ name: 'own' });
  for (const network of ['lan', 'own']) {
    const [one, two] = [
      await fixture.run(`one-${network}`, { networks: [{ network, aliases: ['service'] }] }),
      await fixture.run(`two-${network}`, { networks: [{ network, aliases: ['service'] }] }),
    ];
    const asker = await fixture.run(`asker-${network}`, { networks: [{ network }] });
    assert.deepEqual((await asker.station.resolve('service')).sort(), [one.ip, two.ip].sort());
    assert.deepEqual(await asker.station.resolve(`one-${network}`), [one.ip]);
    two.station.run(`ip addr add 239.9.9.9/32 dev ${two.endpoints[0]?.interfaceName} autojoin`);
    const got = [one, two].map(({ station }) => datagramsTaken(station, 5_000));
    await asker.station.ask('239.9.9.9', 5_000, { protocol: 'udp', timeoutMs: 200 });
    assert.deepEqual(
      got.map(count => count()),
      [0, 1],
      `who is in the group, and nobody else, on ${network}`,
    );
    for (const each of [one, two, asker]) await fixture.stop(each);
  }
  await eventually(() => !/pe-/.test(own()), 'its links are gone');
  await fixture.service.remove('lan');
});

/** @returns how many datagrams for a port the station has taken for itself since */
function datagramsTaken(station: Station, number: number): () => number {
  station.run(
    `nft "add table inet seen; add chain inet seen c { type filter hook input priority 0; }; add rule inet seen c udp dport ${number} counter"`,
  );
  return () => Number(/packets (\d+)/.exec(station.run('nft list table inet seen'))?.[1]);
}

const FAILING: readonly [what: string, methods: FakeMethods, message: RegExp][] = [
  [
    'hangs while it joins',
    { 'NetworkDriver.Join': () => 'hang' },
    /NetworkDriver\.Join took longer than 3 s/,
  ],
  [
    'vanishes while it joins',
    { 'NetworkDriver.Join': () => 'vanish' },
    /went away during NetworkDriver\.Join/,
  ],
  ['answers nonsense', { 'NetworkDriver.Join': () => ({ status: 200, raw: '[' }) }, /bad answer/],
  ['answers without end', { 'NetworkDriver.Join': () => 'endless' }, /bad answer|longer/],
  [
    'promises a link that is not there',
    { 'NetworkDriver.Join': () => ({ InterfaceName: { SrcName: 'none0' } }) },
    /interface none0, which it promised/,
  ],
  [
    'names a link that cannot be',
    { 'NetworkDriver.Join': () => ({ InterfaceName: { SrcName: '../x' } }) },
    /bad answer: interface/,
  ],
  [
    'names our loopback',
    { 'NetworkDriver.Join': () => ({ InterfaceName: { SrcName: 'lo' } }) },
    /bad answer: interface/,
  ],
  [
    'gives an address of its own',
    { 'NetworkDriver.CreateEndpoint': () => ({ Interface: { Address: '1.2.3.4/24' } }) },
    /bad answer: address/,
  ],
  [
    'refuses the endpoint',
    { 'NetworkDriver.CreateEndpoint': () => ({ Err: 'no room' }) },
    /NetworkDriver\.CreateEndpoint: no room/,
  ],
  [
    'refuses the ports',
    { 'NetworkDriver.ProgramExternalConnectivity': () => ({ Err: 'no ports' }) },
    /no ports/,
  ],
];

for (const [what, methods, message] of FAILING) {
  test(`a plugin that ${what} costs the container its start, and leaves nothing`, { skip }, async () => {
    // Only one that hangs is waited for as long.
    const more = what.startsWith('hangs') ? { pluginTimeoutMs: 3_000 } : {};
    await using fixture = await NetworkFixture.open(undefined, more);
    await using _plugin = await wires(fixture, methods);
    await fixture.service.create(NETWORK);
    const begun = performance.now();
    const attempt = fixture.run('a', {
      networks: [{ network: 'bridge' }, { network: 'lan', gatewayPriority: 9 }],
      ports: [port(80, 8080)],
    });
    const others = fixture.run('other'); // the engine goes on meanwhile
    await assert.rejects(attempt, message);
    await others;
    assert.ok(performance.now() - begun < 30_000);
    assert.deepEqual(fixture.service.endpointsOn(fixture.service.get('lan').id), []);
    const next = await fixture.run('next', { ports: [port(80, 8080)] });
    assert.equal(next.endpoints.length, 1, 'the port is free');
    await fixture.service.remove('lan');
    await eventually(() => !/\bpn-/.test(own()), 'the network is gone');
  });
}

test('a plugin that cannot make a network leaves no network, and one that is away keeps its own', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  await assert.rejects(fixture.service.create(NETWORK), {
    kind: 'notFound',
    message: /could not find plugin wires/,
  });
  {
    await using _plugin = await wires(fixture, {
      'NetworkDriver.CreateNetwork': () => ({ Err: 'not today' }),
    });
    await assert.rejects(fixture.service.create(NETWORK), /CreateNetwork: not today/);
    assert.equal(fixture.service.find('lan'), undefined);
  }
  {
    await using _plugin = await wires(fixture, {
      'NetworkDriver.GetCapabilities': () => ({ Scope: 'global' }),
    });
    await assert.rejects(fixture.service.create(NETWORK), { kind: 'notImplemented' });
  }
  {
    await using _plugin = await wires(fixture);
    const [one, two] = await Promise.allSettled([
      fixture.service.create(NETWORK),
      fixture.service.create(NETWORK),
    ]);
    assert.deepEqual([one.status, two.status].toSorted(), ['fulfilled', 'rejected'], 'one of two wins');
  }
  await assert.rejects(fixture.service.remove('lan'));
  assert.ok(fixture.service.find('lan'), 'it can be tried again');
  await fixture.crashAndRestore(new Set());
  await using _plugin = await wires(fixture);
  await fixture.service.remove('lan');
  assert.equal(own(), '');
});

test('what ends while a plugin is away is told to it once, when it is back: by the engine, or by the next run of it', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  let next = 10;
  const addresses: FakeMethods = {
    'IpamDriver.GetDefaultAddressSpaces': () => ({ LocalDefaultAddressSpace: 'here' }),
    'IpamDriver.RequestPool': () => ({ PoolID: 'p1', Pool: '10.91.0.0/24', Data: {} }),
    'IpamDriver.RequestAddress': () => ({ Address: `10.91.0.${(next += 1)}/24` }),
    'IpamDriver.ReleaseAddress': () => ({}),
    'IpamDriver.ReleasePool': () => ({}),
  };
  const network = { name: 'far', driver: 'wires', ipamDriver: 'wires' };
  const ends = ['NetworkDriver.Leave', 'NetworkDriver.DeleteEndpoint', 'IpamDriver.ReleaseAddress'];
  const told = ({ calls }: FakePlugin) => calls.filter(call => ends.includes(call));
  {
    await using _plugin = await wires(fixture, addresses);
    await fixture.service.create(network);
  }
  for (const isKilled of [false, true]) {
    {
      const before = await wires(fixture, addresses);
      const early = await fixture.run('early', { networks: [{ network: 'far' }] });
      await before[Symbol.asyncDispose]();
      await fixture.stop(early);
    }
    assert.deepEqual(fixture.service.endpointsOn(fixture.service.get('far').id), []);
    assert.match(own(), /pe-\w{8}c@/, 'the plugin has its link back, under its name');
    if (isKilled) await fixture.crashAndRestore(new Set());
    await using plugin = await wires(fixture, addresses);
    const late = await fixture.run('late', { networks: [{ network: 'far' }] });
    assert.deepEqual(told(plugin), ends);
    assert.ok(
      plugin.calls.indexOf('IpamDriver.ReleaseAddress') < plugin.calls.indexOf('IpamDriver.RequestAddress'),
    );
    await fixture.stop(late);
    await eventually(() => told(plugin).length === 2 * ends.length, 'it is told of the other, too');
    assert.doesNotMatch(own(), /pe-/);
  }
  await using plugin = await wires(fixture, addresses);
  await fixture.service.remove('far');
  await eventually(() => plugin.calls.includes('IpamDriver.ReleasePool'), 'the range is given back');
  assert.deepEqual(told(plugin), ['IpamDriver.ReleaseAddress'], 'the gateway; nothing is told twice');
});

test('what a plugin has made for a container whose engine was killed meanwhile is given back at the next start', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  let joins = 0;
  let next = 10;
  await using plugin = await wires(fixture, {
    'IpamDriver.GetDefaultAddressSpaces': () => ({ LocalDefaultAddressSpace: 'here' }),
    'IpamDriver.RequestPool': () => ({ PoolID: 'p1', Pool: '10.91.0.0/24', Data: {} }),
    'IpamDriver.RequestAddress': () => ({ Address: `10.91.0.${(next += 1)}/24` }),
    'IpamDriver.ReleaseAddress': () => ({}),
    'IpamDriver.ReleasePool': () => ({}),
    'NetworkDriver.Join': () => ((joins += 1) === 1 ? 'hang' : { InterfaceName: {} }),
  });
  await fixture.service.create({ name: 'far', driver: 'wires', ipamDriver: 'wires' });
  const cut = fixture.run('cut', { networks: [{ network: 'far' }] }).catch(() => 'cut');
  await eventually(() => joins === 1, 'it is to join');
  const ends = ['NetworkDriver.Leave', 'NetworkDriver.DeleteEndpoint', 'IpamDriver.ReleaseAddress'];
  const told = () => plugin.calls.filter(call => ends.includes(call));
  assert.deepEqual(told(), []);
  await fixture.crashAndRestore(new Set());
  await eventually(() => told().length === 3, 'the plugin is told');
  assert.deepEqual(told(), ends);
  const { requests, calls } = plugin;
  assert.deepEqual(requests[calls.indexOf('IpamDriver.ReleaseAddress')], {
    PoolID: 'p1',
    Address: '10.91.0.12',
  });
  await fixture.crashAndRestore(new Set());
  await fixture.service.remove('far');
  await eventually(() => calls.includes('IpamDriver.ReleasePool'), 'the range is given back');
  await plugin[Symbol.asyncDispose]();
  assert.equal(await cut, 'cut');
  assert.deepEqual(told().slice(3), ['IpamDriver.ReleaseAddress'], 'the gateway; nothing is told twice');
});

test('addresses of an IPAM plugin, on a bridge of ours', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const held = new Set<string>();
  let next = 10;
  await using plugin = await wires(fixture, {
    'IpamDriver.GetDefaultAddressSpaces': () => ({
      LocalDefaultAddressSpace: 'here',
      GlobalDefaultAddressSpace: 'there',
    }),
    'IpamDriver.RequestPool': () => ({ PoolID: 'p1', Pool: '10.93.0.0/24', Data: {} }),
    'IpamDriver.ReleasePool': () => ({}),
    'IpamDriver.RequestAddress': ({ Address }: { Address: string }) => {
      const address = Address || `10.93.0.${(next += 1)}`;
      if (held.has(address)) return { Err: `${address} is taken` };
      held.add(address);
      return { Address: `${address}/24` };
    },
    'IpamDriver.ReleaseAddress': ({ Address }: { Address: string }) => {
      held.delete(Address);
      return {};
    },
  });
  const network = await fixture.service.create({ name: 'leased', ipamDriver: 'wires' });
  assert.deepEqual(network.ipam.pools, [{ subnet: '10.93.0.0/24', gateway: '10.93.0.11', poolId: 'p1' }]);
  const a = await fixture.run('a', { networks: [{ network: 'leased' }], ports: [port(80, 8080)] });
  const b = await fixture.run('b', { networks: [{ network: 'leased', ipv4Address: '10.93.0.99' }] });
  await a.station.serve('a', 80);
  assert.deepEqual([a.ip, b.ip], ['10.93.0.12', '10.93.0.99']);
  assert.equal(await b.station.ask(a.ip, 80), 'a 10.93.0.99');
  await assert.rejects(
    fixture.run('c', { networks: [{ network: 'leased', ipv4Address: '10.93.0.99' }] }),
    /10\.93\.0\.99 is taken/,
  );
  await fixture.crashAndRestore(new Set([a.id]));
  await eventually(() => !held.has('10.93.0.99'), 'what ended while the engine was away is given back');
  await fixture.stop(a);
  await fixture.service.remove('leased');
  await eventually(() => held.size === 0, 'everything is given back');
  await eventually(() => plugin.calls.includes('IpamDriver.ReleasePool'), 'the range, too');
  await assert.rejects(fixture.service.create({ name: 'x', ipamDriver: 'nobody' }), { kind: 'notFound' });
});
