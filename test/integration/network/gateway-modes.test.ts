import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeHost, NetworkFixture, port, type Station, sh, whyNot } from './network-fixture.ts';
import { ask, serve } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const BRIDGE = 'com.docker.network.bridge.';
const quick = { timeoutMs: 300 };

/** A neighbour that knows the way to a network of ours. */
function neighbour(fixture: NetworkFixture, prefix: string, subnet: string): Station {
  const lan = fixture.neighbour(prefix);
  lan.run(`ip route add ${subnet} via ${prefix}.1`);
  return lan;
}

test('routed: reached at its own address, at what it publishes; nothing is rewritten either way', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = neighbour(fixture, '10.83.1', '10.84.1.0/24');
  await lan.serve('lan', 80);
  await fixture.service.create({
    name: 'routed',
    pools: [{ subnet: '10.84.1.0/24' }],
    options: { [`${BRIDGE}gateway_mode_ipv4`]: 'routed' },
  });
  const web = await fixture.run('web', { networks: [{ network: 'routed' }], ports: [port(80, 8080)] });
  const other = await fixture.run('other');
  await web.station.serve('web', 80);
  await web.station.serve('hidden', 81);
  assert.equal(await lan.ask(web.ip, 80), 'web 10.83.1.2');
  assert.equal(await lan.ask(web.ip, 81, quick), 'timeout', 'not what it does not publish');
  assert.doesNotThrow(() => lan.run(`busybox ping -c1 -W1 ${web.ip}`));
  assert.equal(await lan.ask('10.83.1.1', 8080), 'refused', 'no port of the host leads there');
  assert.equal(await web.station.ask('10.83.1.2', 80), `lan ${web.ip}`, 'its own address leaves');
  assert.equal(await other.station.ask(web.ip, 80), 'web 10.84.1.1', 'from other networks, too');
  assert.equal(await other.station.ask(web.ip, 81, quick), 'timeout');
  assert.deepEqual(
    web.endpoints[0]?.ports.filter(({ hostIp }) => hostIp === '0.0.0.0'),
    [],
  );
  await fixture.crashAndRestore(new Set([web.id, other.id]));
  assert.equal(await lan.ask(web.ip, 80), 'web 10.83.1.2');
  await fixture.stop(web);
  const next = await fixture.run('next', { networks: [{ network: 'routed' }] });
  await next.station.serve('next', 80);
  assert.equal(next.ip, web.ip);
  assert.equal(await lan.ask(next.ip, 80, quick), 'timeout', 'what the last one published is forgotten');
});

test('nat-unprotected: every port is reached directly, and published ones as usual', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = neighbour(fixture, '10.83.2', '10.84.2.0/24');
  await fixture.service.create({
    name: 'open',
    pools: [{ subnet: '10.84.2.0/24' }],
    options: { [`${BRIDGE}gateway_mode_ipv4`]: 'nat-unprotected' },
  });
  const web = await fixture.run('web', { networks: [{ network: 'open' }], ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  await web.station.serve('more', 81);
  assert.equal(await lan.ask('10.83.2.1', 8080), 'web 10.83.2.2');
  assert.equal(await lan.ask(web.ip, 81), 'more 10.83.2.2');
});

test('isolated: an internal network without the host; nat and routed ones refuse the word', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const options = { [`${BRIDGE}gateway_mode_ipv4`]: 'isolated' };
  await assert.rejects(fixture.service.create({ name: 'cell', options }), {
    kind: 'invalid',
    message: /^gateway mode 'isolated' can only be used for an internal network/,
  });
  const cell = await fixture.service.create({
    name: 'cell',
    options,
    isInternal: true,
    pools: [{ subnet: '10.84.3.0/24' }],
  });
  assert.doesNotMatch(sh(`ip -4 -o addr show br-${cell.id.slice(0, 12)}`), /inet/);
  const a = await fixture.run('a', { networks: [{ network: 'cell' }] });
  const b = await fixture.run('b', { networks: [{ network: 'cell' }] });
  await a.station.serve('a', 80);
  assert.equal(await b.station.ask(a.ip, 80), `a ${b.ip}`);
  assert.match(await ask({ protocol: 'tcp', address: a.ip, port: 80, ...quick }), /timeout|unreachable/);
  await assert.rejects(
    fixture.service.create({ name: 'x', options: { [`${BRIDGE}gateway_mode_ipv6`]: 'mostly' } }),
    { kind: 'invalid', message: /gateway_mode_ipv6/ },
  );
});

test('an internal network is shut towards the host as well, which still reaches it', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const close = await serve('host', 9_004, 'tcp');
  await fixture.service.create({
    name: 'inside',
    isInternal: true,
    hasIpv6: true,
    pools: [{ subnet: '10.84.4.0/24' }, { subnet: 'fd84:4::/64' }],
  });
  const a = await fixture.run('a', { networks: [{ network: 'inside' }] });
  const b = await fixture.run('b', { networks: [{ network: 'inside' }] });
  await a.station.serve('a', 80);
  assert.equal(await a.station.ask('10.84.4.1', 9_004, quick), 'timeout', 'not even at the bridge');
  assert.equal(await a.station.ask('fd84:4::1', 9_004, quick), 'timeout');
  assert.equal(await ask({ protocol: 'tcp', address: a.ip, port: 80 }), 'a 10.84.4.1');
  const ipv6 = a.endpoints[0]?.ipv6?.address ?? '';
  assert.equal(await ask({ protocol: 'tcp', address: ipv6, port: 80 }), 'a fd84:4::1');
  assert.equal(await b.station.ask(ipv6, 80), `a ${b.endpoints[0]?.ipv6?.address}`);
  close();
});

test('trusted interfaces reach what is published at the container’s address; others do not', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const friend = neighbour(fixture, '10.83.5', '10.84.5.0/24');
  const stranger = neighbour(fixture, '10.83.6', '10.84.5.0/24');
  await fixture.service.create({
    name: 'net',
    pools: [{ subnet: '10.84.5.0/24' }],
    options: { [`${BRIDGE}trusted_host_interfaces`]: 'up10835:other0' },
  });
  const web = await fixture.run('web', { networks: [{ network: 'net' }], ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  await web.station.serve('hidden', 81);
  assert.equal(await friend.ask(web.ip, 80), 'web 10.83.5.2');
  assert.equal(await friend.ask(web.ip, 81, quick), 'timeout');
  assert.equal(await stranger.ask(web.ip, 80, quick), 'timeout');
  assert.equal(await stranger.ask('10.83.6.1', 8080), 'web 10.83.6.2');
});

test('what leaves carries the address that the network names', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.83.7');
  sh('ip addr add 10.83.7.77/24 dev up10837');
  await lan.serve('lan', 80);
  await fixture.service.create({ name: 'net', options: { 'com.docker.network.host_ipv4': '10.83.7.77' } });
  const web = await fixture.run('web', { networks: [{ network: 'net' }] });
  const plain = await fixture.run('plain');
  assert.equal(await web.station.ask('10.83.7.2', 80), 'lan 10.83.7.77');
  assert.equal(await plain.station.ask('10.83.7.2', 80), 'lan 10.83.7.1');
});

test('inhibit_ipv4 leaves the gateway’s address to somebody else', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const { id } = await fixture.service.create({
    name: 'net',
    pools: [{ subnet: '10.84.8.0/24' }],
    options: { [`${BRIDGE}inhibit_ipv4`]: 'true', [`${BRIDGE}name`]: 'qntplain' },
  });
  assert.doesNotMatch(sh('ip -4 -o addr show qntplain'), /inet/);
  const a = await fixture.run('a', { networks: [{ network: 'net' }] });
  assert.match(a.station.run('ip route'), /default via 10\.84\.8\.1/);
  await fixture.stop(a);
  await fixture.service.remove(id);
});
