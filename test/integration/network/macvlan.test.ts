import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeHost, eventually, NetworkFixture, port, sh, whyNot } from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const POOLS = [{ subnet: '10.81.0.0/24', gateway: '10.81.0.2', ipRange: '10.81.0.128/25' }];

test('macvlan: a container is a machine of its own on the network of the host (S195)', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const router = fixture.neighbour('10.81.0'); // we are .1, it is .2
  await router.serve('router', 80);
  await fixture.service.create({
    name: 'lan',
    driver: 'macvlan',
    pools: POOLS,
    options: { parent: 'up10810' },
  });
  const a = await fixture.run('a', {
    networks: [{ network: 'lan', macAddress: '02:42:0a:51:00:99' }],
    ports: [port(80, 8080)],
  });
  const b = await fixture.run('b', { networks: [{ network: 'lan', ipv4Address: '10.81.0.200' }] });
  await a.station.serve('a', 80);
  await b.station.serve('b', 80);

  assert.equal(a.endpoints[0]?.macAddress, '02:42:0a:51:00:99');
  assert.match(a.station.run('ip link show eth0'), /02:42:0a:51:00:99/);
  assert.match(a.station.run('ip route'), /^default via 10\.81\.0\.2 dev eth0/m);
  assert.equal(await router.ask(a.ip, 80), `a 10.81.0.2`, 'reached from the network, by its own address');
  assert.equal(await a.station.ask('10.81.0.2', 80), `router ${a.ip}`, 'nothing is rewritten');
  assert.equal(await a.station.ask('10.81.0.200', 80), `b ${a.ip}`, 'mode bridge: one another');
  assert.deepEqual(
    a.endpoints[0]?.ports,
    [],
    'it has an address of its own, so no port of the host leads there',
  );
  assert.match(
    await ask({ protocol: 'tcp', address: a.ip, port: 80, timeoutMs: 300 }),
    /^(timeout|unreachable)$/,
    'a parent does not hear what stands on it',
  );

  await fixture.crashAndRestore(new Set([a.id, b.id]));
  assert.equal(await router.ask(a.ip, 80), 'a 10.81.0.2');
  const [address, mac] = [a.ip, a.endpoints[0]?.macAddress];
  await fixture.stop(a);
  const next = await fixture.run('next', { networks: [{ network: 'lan', ...(mac && { macAddress: mac }) }] });
  assert.equal(next.ip, address, 'the same hardware address is free at once');
  for (const container of [b, next]) await fixture.stop(container);
  await fixture.service.remove('lan');
  assert.match(sh('ip -o link'), /up10810/, 'the parent is the host’s');
});

test('macvlan: the host takes part where the network says so, and only then', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const router = fixture.neighbour('10.81.0');
  await router.serve('router', 80);
  await fixture.service.create({
    name: 'lan',
    driver: 'macvlan',
    pools: POOLS,
    options: { parent: 'up10810', 'quai.host_access': 'true' },
  });
  const before = sh('ip route');
  const a = await fixture.run('a', { networks: [{ network: 'lan' }] });
  await a.station.serve('a', 80);
  assert.equal(await ask({ protocol: 'tcp', address: a.ip, port: 80 }), 'a 10.81.0.1');
  const { serve } = await import('./talk.ts');
  const close = await serve('host', 8085, 'tcp');
  assert.equal(await a.station.ask('10.81.0.1', 8085), `host ${a.ip}`);
  close();
  assert.equal(await router.ask(a.ip, 80), 'a 10.81.0.2', 'the others as before');

  await fixture.crashAndRestore(new Set([a.id]));
  assert.equal(await ask({ protocol: 'tcp', address: a.ip, port: 80 }), 'a 10.81.0.1');
  await fixture.stop(a);
  assert.equal(sh('ip route'), before, 'its route went with it');
  await fixture.service.remove('lan');
  assert.doesNotMatch(sh('ip -o link'), /qnth/);
});

test('macvlan without a parent: containers reach one another, and nobody else', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  await fixture.service.create({ name: 'island', driver: 'macvlan', pools: [{ subnet: '10.82.0.0/24' }] });
  const a = await fixture.run('a', { networks: [{ network: 'island' }] });
  const b = await fixture.run('b', { networks: [{ network: 'island' }] });
  await a.station.serve('a', 80);
  assert.equal(await b.station.ask(a.ip, 80), `a ${b.ip}`);
  await fixture.stop(a);
  await fixture.stop(b);
  await fixture.service.remove('island');
  assert.doesNotMatch(sh('ip -o link'), /\bd[mp]-/);
});

test('macvlan: mode private keeps containers apart', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const router = fixture.neighbour('10.81.0');
  await fixture.service.create({
    name: 'lan',
    driver: 'macvlan',
    pools: POOLS,
    options: { parent: 'up10810', macvlan_mode: 'private' },
  });
  const a = await fixture.run('a', { networks: [{ network: 'lan' }] });
  const b = await fixture.run('b', { networks: [{ network: 'lan' }] });
  await a.station.serve('a', 80);
  assert.equal(await router.ask(a.ip, 80), 'a 10.81.0.2');
  assert.match(await b.station.ask(a.ip, 80, { timeoutMs: 300 }), /^(timeout|unreachable)$/);
});

test('macvlan: connecting and leaving while a container runs', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const router = fixture.neighbour('10.81.0');
  await router.serve('router', 80);
  await fixture.service.create({
    name: 'lan',
    driver: 'macvlan',
    pools: POOLS,
    options: { parent: 'up10810' },
  });
  const a = await fixture.run('a', { ports: [port(80, 8080)] });
  await a.station.serve('a', 80);
  const owner = { containerId: a.id, containerName: 'a', hostname: 'a' };
  const request = { network: 'lan', aliases: [], links: [], driverOptions: {}, gatewayPriority: -1 };
  const [endpoint] = await fixture.service.attach(owner, [request], []);
  assert.equal(endpoint?.interfaceName, 'eth1');
  assert.equal(await router.ask(endpoint?.ipv4?.address ?? '', 80), 'a 10.81.0.2');
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'a 172.17.0.1');
  await fixture.service.detach(a.id, 'lan');
  await eventually(() => !a.station.run('ip -o link').includes('eth1'), 'the interface is gone');
  assert.match(a.station.run('ip route'), /^default via 172\.17\.0\.1 dev eth0/m);
});

test('a parent that comes back after a restart of the engine gets its containers back', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  fixture.neighbour('10.81.0');
  await fixture.service.create({
    name: 'lan',
    driver: 'macvlan',
    pools: POOLS,
    options: { parent: 'up10810' },
  });
  const a = await fixture.run('a', { networks: [{ network: 'lan' }] });
  await a.station.serve('a', 80);
  fixture.service.abandon();
  sh('ip link del up10810');
  await fixture.crashAndRestore(new Set([a.id]));
  assert.ok(
    fixture.logs.some(
      line => line.level === 'error' && /no interface up10810/.test(JSON.stringify(line.fields)),
    ),
  );
  const router = fixture.neighbour('10.81.0', 'again');
  await fixture.crashAndRestore(new Set([a.id]));
  assert.equal(await router.ask(a.ip, 80), 'a 10.81.0.2');
});

test('what cannot be is refused in words, and leaves nothing', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  fixture.neighbour('10.81.0');
  const create = (name: string, driver: string, options: Record<string, string>) =>
    fixture.service.create({ name, driver, options });
  const before = sh('ip -o link');
  await assert.rejects(create('a', 'macvlan', { parent: 'eth77' }), {
    kind: 'invalid',
    message: /^invalid subinterface vlan name eth77, .* no interface eth77/,
  });
  await assert.rejects(create('a', 'macvlan', { parent: 'eth77.5' }), { message: /no interface eth77$/ });
  await assert.rejects(create('a', 'macvlan', { parent: 'up10810', macvlan_mode: 'loud' }), {
    kind: 'invalid',
    message: /^requested macvlan mode 'loud' is not valid: use private, vepa, bridge, passthru/,
  });
  await assert.rejects(create('a', 'macvlan', { parent: '../x' }), { kind: 'invalid' });
  await assert.rejects(create('a', 'macvlan', { 'quai.host_access': 'true' }), {
    message: /needs a macvlan/,
  });
  await create('first', 'macvlan', { parent: 'up10810' });
  await assert.rejects(create('b', 'macvlan', { parent: 'up10810', macvlan_mode: 'passthru' }), {
    kind: 'forbidden',
    message: /network first is already using parent interface up10810/,
  });
  await fixture.service.remove('first');
  assert.equal(sh('ip -o link'), before);
});

const hasVlans = skip === false && hasKind('vlan', 'id 5');
const hasIpvlan = skip === false && hasKind('ipvlan', 'mode l2');

test('a VLAN of the parent is made with the network, and goes with the last that stands on it', {
  skip: skip || (hasVlans ? false : 'this kernel has no VLAN interfaces'),
}, async () => {
  await using fixture = await NetworkFixture.open();
  fixture.neighbour('10.81.0');
  const options = { parent: 'up10810.50' };
  for (const name of ['one', 'two']) await fixture.service.create({ name, driver: 'macvlan', options });
  const a = await fixture.run('a', { networks: [{ network: 'one' }] });
  assert.match(sh('ip -d link show up10810.50'), /vlan protocol 802\.1Q id 50/);
  await fixture.stop(a);
  await fixture.service.remove('one');
  assert.match(sh('ip -o link'), /up10810\.50/);
  await fixture.service.remove('two');
  assert.doesNotMatch(sh('ip -o link'), /up10810\.50/);
});

test('a VLAN without VLANs in the kernel is refused in words', {
  skip: skip || (hasVlans ? 'this kernel has VLAN interfaces' : false),
}, async () => {
  await using fixture = await NetworkFixture.open();
  fixture.neighbour('10.81.0');
  const network = { name: 'v', driver: 'macvlan', options: { parent: 'up10810.50' } };
  await assert.rejects(fixture.service.create(network), {
    kind: 'notImplemented',
    message: /this kernel has no vlan interfaces: boot one with CONFIG_VLAN_8021Q/,
  });
});

test('ipvlan: one hardware address for all', {
  skip: skip || (hasIpvlan ? false : 'this kernel has no ipvlan interfaces'),
}, async () => {
  await using fixture = await NetworkFixture.open();
  const router = fixture.neighbour('10.81.0');
  await fixture.service.create({
    name: 'lan',
    driver: 'ipvlan',
    pools: POOLS,
    options: { parent: 'up10810' },
  });
  const a = await fixture.run('a', { networks: [{ network: 'lan' }] });
  await a.station.serve('a', 80);
  assert.equal(a.endpoints[0]?.macAddress, '');
  assert.equal(await router.ask(a.ip, 80), 'a 10.81.0.2');
});

test('ipvlan without it in the kernel is refused in words', {
  skip: skip || (hasIpvlan ? 'this kernel has ipvlan interfaces' : false),
}, async () => {
  await using fixture = await NetworkFixture.open();
  await assert.rejects(fixture.service.create({ name: 'v', driver: 'ipvlan' }), {
    kind: 'notImplemented',
    message: /this kernel has no ipvlan interfaces/,
  });
});

function hasKind(kind: string, options: string): boolean {
  sh('ip link add probe0 type veth peer name probe1');
  try {
    sh(`ip link add link probe0 name probe2 type ${kind} ${options}`);
    return true;
  } catch {
    return false;
  } finally {
    sh('ip link del probe0');
  }
}
