import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeUpstream } from './fake-upstream.ts';
import { becomeHost, eventually, NetworkFixture, sh, whyNot } from './network-fixture.ts';
import { resolve } from './resolve.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const on = (network: string, ...aliases: string[]) => ({ networks: [{ network, aliases }] });

test('names of both families, in reverse, and of the other family without an error', { skip }, async () => {
  await using fixture = await NetworkFixture.open(undefined, { hasIpv6ByDefault: true });
  await fixture.service.create({ name: 'dual' });
  const db = await fixture.run('db', on('dual', 'store'));
  const web = await fixture.run('web', on('dual'));
  const [endpoint] = db.endpoints;
  assert.ok(endpoint?.ipv4 && endpoint.ipv6, 'dual stack by default');
  assert.match(endpoint.ipv6.address, /^fd/);
  assert.deepEqual(await web.station.resolve('store'), [endpoint.ipv4.address]);
  assert.deepEqual(await web.station.resolve('DB.dual', { type: 'AAAA' }), [endpoint.ipv6.address]);
  for (const { address } of [endpoint.ipv4, endpoint.ipv6]) {
    assert.deepEqual(await web.station.resolve(address, { type: 'PTR' }), ['db.dual']);
  }
  assert.deepEqual(await web.station.resolve('db', { type: 'TXT' }), ['ENODATA']);
});

test('without IPv6 on the host networks have none, and names no address of it', { skip }, async () => {
  sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.lo.disable_ipv6=1');
  try {
    await using fixture = await NetworkFixture.open(undefined, { hasIpv6ByDefault: true });
    const network = await fixture.service.create({ name: 'four' });
    assert.equal(network.hasIpv6, false);
    const one = await fixture.run('one', on('four'));
    assert.deepEqual(await one.station.resolve('one', { type: 'AAAA' }), ['ENODATA']);
  } finally {
    sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0');
  }
});

test('other names are asked for at the servers of --dns, from the container, by UDP and by TCP', {
  skip,
}, async () => {
  using upstream = new FakeUpstream('10.53.0.1');
  await using fixture = await NetworkFixture.open(undefined, {
    dnsServersOf: () => ['10.53.0.9', upstream.address],
  });
  sh('ip route add blackhole 10.53.0.9');
  await fixture.service.create({ name: 'net' });
  const web = await fixture.run('web', on('net'));
  assert.deepEqual(await web.station.resolve('plain.test'), ['192.0.2.1']);
  assert.equal((await web.station.resolve('many.test')).length, 300);
  assert.deepEqual(upstream.asked, ['udp plain.test', 'udp many.test', 'tcp many.test']);
  assert.deepEqual(await web.station.resolve('unknown.example'), ['ENOTFOUND']);
  assert.deepEqual(await web.station.resolve('failing.test'), ['ESERVFAIL']);
  sh('ip route del blackhole 10.53.0.9');
});

test('names and addresses of ours are never asked for elsewhere, and nothing at all from an internal network', {
  skip,
}, async () => {
  using upstream = new FakeUpstream('10.53.0.2');
  await using fixture = await NetworkFixture.open(undefined, { dnsServersOf: () => [upstream.address] });
  await fixture.service.create({ name: 'net' });
  await fixture.service.create({ name: 'inner', isInternal: true });
  const web = await fixture.run('web', on('net'));
  const db = await fixture.run('db', on('net'));
  const secret = await fixture.run('secret', on('inner'));
  await fixture.stop(db);
  const asked: readonly (readonly [string, string])[] = [
    ['db', 'A'],
    ['db.net', 'A'],
    ['secret', 'A'],
    [db.ip, 'PTR'],
    [secret.ip, 'PTR'],
    ['x.docker.internal', 'A'],
    ['x.quai.internal', 'A'],
  ];
  for (const [name, type] of asked) {
    assert.deepEqual(await web.station.resolve(name, { type: type as 'A' }), ['ENOTFOUND'], name);
  }
  assert.deepEqual(await web.station.resolve('web', { type: 'AAAA' }), ['ENODATA']);
  assert.deepEqual(await secret.station.resolve('plain.test'), ['ENOTFOUND']);
  assert.deepEqual(await secret.station.resolve('web'), ['ENOTFOUND']);
  assert.deepEqual(await secret.station.resolve('secret'), [secret.ip]);
  assert.deepEqual(upstream.asked, []);
});

test('10,000 malformed packets and a thousand questions nobody answers keep no other container waiting', {
  skip,
}, async () => {
  using upstream = new FakeUpstream('10.53.0.3');
  await using fixture = await NetworkFixture.open(undefined, { dnsServersOf: () => [upstream.address] });
  await fixture.service.create({ name: 'net' });
  const bad = await fixture.run('bad', on('net'));
  const good = await fixture.run('good', on('net'));
  const silent = Array.from({ length: 1_000 }, (_, id) =>
    Buffer.from(
      `${id.toString(16).padStart(4, '0')}0100000100000000000006${Buffer.from('silent').toString('hex')}04746573740000010001`,
      'hex',
    ),
  );
  const garbage = Array.from({ length: 10_000 }, (_, index) =>
    Buffer.from(
      Uint8Array.from({ length: index % 90 }, (_byte, at) => (index * 31 + at * 17 + (index >> 3)) & 0xff),
    ),
  );
  const flood = bad.station.sendDatagrams([...silent, ...garbage]);
  for (let times = 0; times < 20; times += 1) {
    const begun = performance.now();
    assert.deepEqual(await good.station.resolve('good'), [good.ip]);
    assert.ok(performance.now() - begun < 4_000, 'it was not kept waiting, as the next try would be');
  }
  assert.ok((await flood) > 0);
  assert.deepEqual(await bad.station.resolve('good'), [good.ip]);
  assert.deepEqual(
    fixture.logs.filter(({ level }) => level === 'error' || level === 'warn'),
    [],
  );
});

test('a resolver that asks while the engine is away is answered by the next one', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  await fixture.service.create({ name: 'net' });
  const web = await fixture.run('web', on('net'));
  fixture.service.abandon();
  await eventually(() => web.station.run('ss -Hlun').trim() === '', 'the sockets are gone');
  const whileAway = await web.station.resolve('web');
  assert.notDeepEqual(whileAway, ['ECONNREFUSED'], 'it waits instead of giving up');
  await fixture.crashAndRestore(new Set([web.id]));
  assert.deepEqual(await web.station.resolve('web'), [web.ip]);
});

test('host-dns: programs of the host find every container, and nothing else there', { skip }, async () => {
  await using fixture = await NetworkFixture.open(undefined, {
    hostStub: { address: '127.0.0.9', port: 5353 },
  });
  await fixture.service.create({ name: 'net' });
  const web = await fixture.run('web', on('net'));
  const ask = (name: string, type: 'A' | 'PTR' = 'A') => resolve({ name, type, server: '127.0.0.9:5353' });
  await eventually(async () => (await ask('web.net.quai.internal')) === web.ip, 'it answers');
  assert.equal(await ask(web.ip, 'PTR'), 'web.net.quai.internal');
  assert.equal(await ask('db.net.quai.internal'), 'ENOTFOUND');
  assert.equal(await ask('example.com'), 'EREFUSED');
  await fixture.stop(web);
  assert.equal(await ask('web.net.quai.internal'), 'ENOTFOUND');
});

test('a route of the host into the range of a network is warned about, with a range that is free', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const network = await fixture.service.create({ name: 'clash' });
  const subnet = network.ipam.pools[0]?.subnet ?? '';
  sh(
    `ip link add vpn0 type bridge && ip link set vpn0 up && ip route add ${subnet.replace('.0/24', '.128/25')} dev vpn0`,
  );
  const warnings = () =>
    fixture.logs.filter(({ message }) => message.startsWith('the range of a network is in use'));
  await eventually(() => warnings().length > 0, 'it warns');
  const [warning] = warnings();
  assert.equal(warning?.fields['network'], 'clash');
  assert.equal(warning?.fields['holder'], 'a route by vpn0');
  assert.match(String(warning?.fields['free']), /^172\.\d+\.\d+\.0\/24$/);
  assert.notEqual(warning?.fields['free'], subnet);
  sh('ip link del vpn0');
});
