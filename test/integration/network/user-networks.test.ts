import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BRIDGE, becomeHost, NetworkFixture, port, request, sh, whyNot } from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

test('a network comes with its bridge, range and isolation, and goes with all of it', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const network = await fixture.service.create({ name: 'mine', pools: [{ subnet: '10.55.0.0/24' }] });
  const bridge = `br-${network.id.slice(0, 12)}`;
  assert.match(sh(`ip -o -4 addr show ${bridge}`), /10\.55\.0\.1\/24/);
  assert.deepEqual(network.ipam.pools, [{ subnet: '10.55.0.0/24', gateway: '10.55.0.1' }]);

  const a = await fixture.run('a', { networks: [{ network: 'mine', ipv4Address: '10.55.0.77' }] });
  const b = await fixture.run('b', { networks: [{ network: network.id.slice(0, 8) }] });
  assert.deepEqual([a.ip, b.ip], ['10.55.0.77', '10.55.0.2']);
  await a.station.serve('a', 80);
  assert.equal(await b.station.ask(a.ip, 80), 'a 10.55.0.2');

  await assert.rejects(fixture.service.remove('mine'), {
    kind: 'forbidden',
    message: /has active endpoints \(name:"a"/,
  });
  await fixture.stop(a);
  await fixture.stop(b);
  await fixture.service.remove('mine');
  assert.equal(fixture.service.find('mine'), undefined);
  assert.doesNotMatch(sh('ip -o link'), new RegExp(bridge));
  assert.deepEqual(
    fixture.events.filter(event => event.actor.id === network.id).map(event => event.action),
    ['create', 'connect', 'connect', 'disconnect', 'disconnect', 'destroy'],
  );
});

test('a bridge is one network’s: another cannot be had on it, and costs it nothing', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const options = { 'com.docker.network.bridge.name': 'shared-br' };
  const first = await fixture.service.create({ name: 'first', options, isInternal: true });
  const a = await fixture.run('a', { networks: [{ network: 'first' }] });
  const b = await fixture.run('b', { networks: [{ network: 'first' }] });
  const before = sh('nft list ruleset');
  await assert.rejects(fixture.service.create({ name: 'second', options }), {
    kind: 'forbidden',
    message: new RegExp(
      `conflicts with network ${first.id} \\(shared-br\\): networks have same bridge name$`,
    ),
  });
  const taken = sh('ip -o link show type bridge').match(/^\d+: ([^:]+):/gm) ?? [];
  assert.ok(taken.some(line => line.includes('shared-br')));
  assert.equal(sh('nft list ruleset'), before);
  await a.station.serve('a', 80);
  assert.match(await b.station.ask(a.ip, 80), /^a /);
});

test('a bridge that was there is told by the group of ours while a network is on it, and stays', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  sh('ip link add theirs-br type bridge');
  const group = (link: string): string | undefined => / group (\S+)/.exec(sh(`ip -o link show ${link}`))?.[1];
  assert.equal(group('theirs-br'), 'default');
  const options = { 'com.docker.network.bridge.name': 'theirs-br' };
  await fixture.service.create({ name: 'mine', options, pools: [{ subnet: '10.56.0.0/24' }] });
  assert.equal(group('theirs-br'), group(BRIDGE));
  assert.notEqual(group('theirs-br'), 'default');
  await fixture.service.remove('mine');
  assert.equal(group('theirs-br'), 'default');
  sh('ip link del theirs-br');
});

test('addresses that cannot be are refused in words', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  await fixture.service.create({
    name: 'mine',
    pools: [{ subnet: '10.55.0.0/29', auxAddresses: { printer: '10.55.0.3' } }],
  });
  const a = await fixture.run('a', { networks: [{ network: 'mine' }] });
  const on = (ipv4Address: string, network = 'mine') =>
    fixture.run('b', { networks: [{ network, ipv4Address }] });
  await assert.rejects(on('10.55.0.2'), {
    kind: 'conflict',
    message: /^Address already in use: 10\.55\.0\.2 is held by container a/,
  });
  await assert.rejects(on('10.55.0.1'), { kind: 'conflict', message: /held by the gateway/ });
  await assert.rejects(on('10.55.0.3'), { kind: 'conflict' });
  await assert.rejects(on('10.56.0.2'), {
    kind: 'invalid',
    message: /no configured subnet contains IP address 10\.56\.0\.2/,
  });
  await assert.rejects(on('10.55.0.7'), { kind: 'invalid' }, 'broadcast');
  await assert.rejects(on('172.17.0.9', 'bridge'), {
    kind: 'invalid',
    message: /user defined networks only/,
  });
  await assert.rejects(fixture.service.create({ name: 'same', pools: [{ subnet: '10.55.0.0/16' }] }), {
    kind: 'forbidden',
    message: /Pool overlaps with other one on this address space: 10\.55\.0\.0\/16 is in use by network mine/,
  });
  for (const expected of ['10.55.0.4', '10.55.0.5', '10.55.0.6']) {
    const next = await fixture.run(`c${expected}`, { networks: [{ network: 'mine' }] });
    assert.equal(next.ip, expected);
  }
  await assert.rejects(fixture.run('full', { networks: [{ network: 'mine' }] }), {
    message: /no available IPv4 addresses/,
  });
  await fixture.stop(a);
  assert.equal((await fixture.run('again', { networks: [{ network: 'mine' }] })).ip, '10.55.0.2');
});

test('an internal network has no way out, and none in', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.6');
  await lan.serve('lan', 80);
  const { serve } = await import('./talk.ts');
  const close = await serve('host', 9003, 'tcp');
  await fixture.service.create({ name: 'inside', isInternal: true, pools: [{ subnet: '10.56.0.0/24' }] });
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  const a = await fixture.run('a', { networks: [{ network: 'inside' }], ports: [port(80, 8081)] });
  const b = await fixture.run('b', { networks: [{ network: 'inside' }] });
  await a.station.serve('a', 80);
  assert.equal(await b.station.ask(a.ip, 80), 'a 10.56.0.3');
  assert.equal(a.endpoints[0]?.ipv4?.gateway, undefined);
  assert.deepEqual(a.endpoints[0]?.ports, [], 'nothing is published from it');
  assert.equal(await a.station.ask('10.77.6.2', 80), 'unreachable');
  a.station.run('ip route add default via 10.56.0.1');
  const quick = { timeoutMs: 400 };
  assert.equal(
    await a.station.ask('10.77.6.2', 80, quick),
    'timeout',
    'even when the container makes itself a route',
  );
  assert.equal(await a.station.ask('10.77.6.1', 8080, quick), 'timeout', 'not to what others publish');
  assert.equal(
    await a.station.ask('10.77.6.1', 9003, quick),
    'timeout',
    'not to other addresses of the host',
  );
  lan.run('ip route add 10.56.0.0/24 via 10.77.6.1');
  assert.equal(await lan.ask(a.ip, 80, quick), 'timeout');
  assert.equal(await web.station.ask(a.ip, 80, quick), 'timeout');
  close();
});

for (const passes of ['1', '0']) {
  test(`enable_icc=false keeps containers of a bridge apart, but not from what they publish (bridge-nf ${passes})`, {
    skip,
  }, async () => {
    sh(`sysctl -qw net.bridge.bridge-nf-call-iptables=${passes} 2>/dev/null || true`);
    await using fixture = await NetworkFixture.open();
    const options = { 'com.docker.network.bridge.enable_icc': 'false' };
    await fixture.service.create({ name: 'apart', options, pools: [{ subnet: '10.57.0.0/24' }] });
    const a = await fixture.run('a', { networks: [{ network: 'apart' }], ports: [port(80, 8080)] });
    const b = await fixture.run('b', { networks: [{ network: 'apart' }] });
    await a.station.serve('a', 80);
    await a.station.serve('hidden', 81);
    assert.notEqual(await b.station.ask(a.ip, 81, { timeoutMs: 400 }), 'hidden 10.57.0.3');
    assert.equal(await b.station.ask('10.57.0.1', 8080), 'a 10.57.0.1');
    assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'a 10.57.0.1');
  });
}

test('connecting and disconnecting a running container moves its way out and its ports', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  await fixture.service.create({ name: 'second', pools: [{ subnet: '10.58.0.0/24' }] });
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  const owner = { containerId: web.id, containerName: 'web', hostname: 'web' };
  const host = () => ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 });

  await fixture.service.attach(owner, [request({ network: 'second' })], []);
  assert.match(web.station.run('ip route'), /default via 172\.17\.0\.1 dev eth0/);
  assert.match(web.station.run('ip -o -4 addr'), /eth1.*10\.58\.0\.2\/24/);
  assert.equal(await host(), 'web 172.17.0.1');
  await assert.rejects(fixture.service.attach(owner, [request({ network: 'second' })], []), {
    kind: 'forbidden',
  });

  await fixture.service.detach(web.id, 'bridge');
  assert.match(web.station.run('ip route'), /default via 10\.58\.0\.1 dev eth1/);
  assert.doesNotMatch(web.station.run('ip -o link'), /eth0/);
  assert.equal(await host(), 'web 10.58.0.1');
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: 8080 }), 'web 10.58.0.1');

  await fixture.service.attach(owner, [request({ network: 'bridge', gatewayPriority: 5 })], []);
  assert.match(web.station.run('ip route'), /default via 172\.17\.0\.1 dev eth0/);
  assert.equal(await host(), 'web 172.17.0.1');
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: 8080 }), 'web 172.17.0.1');
  await assert.rejects(fixture.service.detach(web.id, 'host'), {
    kind: 'forbidden',
    message: /is not connected to network host/,
  });
  await fixture.crashAndRestore(new Set([web.id]));
  assert.equal(await host(), 'web 172.17.0.1');
});

test('a network with IPv6 carries it, a network without it has none', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.7');
  sh('ip addr add fd77::1/64 dev up10777 nodad');
  lan.run('ip addr add fd77::2/64 dev eth0 nodad; ip route add default via fd77::1');
  const network = await fixture.service.create({ name: 'six', hasIpv6: true });
  assert.match(network.ipam.pools[1]?.subnet ?? '', /^fd[0-9a-f:]+\/64$/);
  const a = await fixture.run('a', {
    networks: [{ network: 'six' }],
    ports: [port(80, 8080), port(53, 5353, { protocol: 'udp' })],
  });
  const b = await fixture.run('b', { networks: [{ network: 'six' }] });
  const plain = await fixture.run('plain');
  const address = a.endpoints[0]?.ipv6?.address ?? '';
  await a.station.serve('a', 80);
  await a.station.serve('u', 53, 'udp');
  assert.equal(await b.station.ask(address, 80), `a ${b.endpoints[0]?.ipv6?.address}`);
  assert.equal(await lan.ask('fd77::1', 8080), 'a fd77::2', 'the source address is kept');
  assert.equal(await lan.ask('fd77::1', 5353, { protocol: 'udp' }), 'u fd77::2');
  assert.equal(await lan.ask('10.77.7.1', 8080), 'a 10.77.7.2');
  const gateway = a.endpoints[0]?.ipv6?.gateway ?? '';
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: 8080 }), `a ${gateway}`);
  lan.run(`ip route add ${network.ipam.pools[1]?.subnet} via fd77::1`);
  await a.station.serve('hidden', 81);
  assert.equal(await lan.ask(address, 81, { timeoutMs: 400 }), 'timeout');
  await lan.serve('lan', 80);
  assert.equal(await a.station.ask('fd77::2', 80), 'lan fd77::1', 'masqueraded on the way out');
  assert.doesNotMatch(plain.station.run('ip -6 addr show eth0'), /inet6/);
});

test('host and none take part without links', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lone = await fixture.run('lone', { networks: [{ network: 'none' }], ports: [port(80, 8080)] });
  assert.match(lone.station.run('ip -o link'), /^1: lo: <LOOPBACK,UP[^\n]*\n$/);
  assert.deepEqual(
    fixture.service.endpointsOn(fixture.service.get('none').id).map(e => e.containerId),
    [lone.id],
  );
  await assert.rejects(fixture.service.remove('host'), { kind: 'forbidden' });
  await assert.rejects(fixture.service.create({ name: 'bridge' }), { kind: 'forbidden' });
  await assert.rejects(fixture.service.create({ name: 'x', driver: 'weave' }), {
    kind: 'notFound',
    message: /could not find plugin weave/,
  });
  assert.throws(() => fixture.service.get('nope'), { kind: 'notFound', message: 'network nope not found' });
});
