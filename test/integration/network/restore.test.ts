import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import {
  BRIDGE,
  becomeHost,
  eventually,
  NetworkFixture,
  port,
  sh,
  TABLE,
  whyNot,
} from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

test('running containers keep everything over a crash of the engine; the others lose it', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.4');
  const live = await fixture.run('live', { ports: [port(80, 8080)] });
  const dead = await fixture.run('dead', { ports: [port(80, 8081)] });
  await live.station.serve('live', 80);
  const rules = sh(`nft list map inet ${TABLE} publish4_any`);
  assert.match(rules, /8081/);

  fixture.service.abandon();
  assert.equal(await lan.ask('10.77.4.1', 8080), 'live 10.77.4.2', 'without an engine');
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'live 172.17.0.1');
  const group = (): string | undefined => / group (\S+)/.exec(sh(`ip -o link show ${BRIDGE}`))?.[1];
  const own = group();
  assert.notEqual(own, 'default');
  sh(`ip link set ${BRIDGE} group default`);
  await dead.station[Symbol.asyncDispose]();
  await fixture.crashAndRestore(new Set([live.id]));

  assert.equal(group(), own, 'the firewall tells bridges by it');
  assert.equal(await lan.ask('10.77.4.1', 8080), 'live 10.77.4.2');
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: 8080 }), 'live 172.17.0.1');
  assert.deepEqual(fixture.service.endpointsOf(live.id), live.endpoints);
  assert.deepEqual(fixture.service.endpointsOf(dead.id), []);
  assert.doesNotMatch(sh(`nft list map inet ${TABLE} publish4_any`), /8081/);
  assert.equal(existsSync(fixture.service.sandboxPath(dead.id)), false);
  await eventually(() => sh('ip -o link').match(/qnt-/g)?.length === 1, 'the dead link is gone');
  await assert.rejects(fixture.run('thief', { ports: [port(80, 8080)] }), {
    message: /already allocated by container live/,
  });
  const next = await fixture.run('next', { ports: [port(80, 8081)] });
  assert.equal(next.ip, dead.ip);
});

test('what others took away while the engine was down comes back', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  const other = await fixture.run('other');
  fixture.service.abandon();
  sh(`nft flush ruleset; ip link del ${BRIDGE}; ip link add qnt-0badf00d type veth peer name qntpeer`);
  const cut = sh('ip -o link')
    .match(/qnt-[0-9a-f]+/g)
    ?.find(name => name.startsWith('qnt-') && other.endpoints[0]?.id.startsWith(name.slice(4)));
  assert.ok(cut);
  sh(`ip link del ${cut}`);
  await fixture.crashAndRestore(new Set([web.id, other.id]));

  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'web 172.17.0.1');
  assert.equal(await other.station.ask(web.ip, 80), `web ${other.ip}`);
  await eventually(() => !sh('ip -o link').includes('0badf00d'), 'the link without a row is gone');
});

test('changes that a container made to its own routes survive a restart of the engine', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const vpn = await fixture.run('vpn');
  vpn.station.run('ip link add tun0 type bridge && ip link set tun0 up && ip route replace default dev tun0');
  const routes = vpn.station.run('ip route');
  await fixture.crashAndRestore(new Set([vpn.id]));
  assert.equal(vpn.station.run('ip route'), routes);
});

test('a port lost to another program while the engine was down is reported, and goes on in the kernel', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.5');
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  fixture.service.abandon();
  const { serve } = await import('./talk.ts');
  const close = await serve('thief', 8080, 'tcp');
  await fixture.crashAndRestore(new Set([web.id]));
  assert.equal(await lan.ask('10.77.5.1', 8080), 'web 10.77.5.2');
  const warning = fixture.logs.find(line => line.message.includes('took published ports'));
  assert.deepEqual(warning?.fields['ports'], ['0.0.0.0:8080/tcp', ':::8080/tcp']);
  close();
});

test('the default range moves out of the way of the host when nobody uses it', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const subnet = (): string | undefined => fixture.service.get('bridge').ipam.pools[0]?.subnet;
  assert.equal(subnet(), '172.17.0.0/16');
  fixture.service.abandon();
  sh('ip link add vpn0 type bridge && ip link set vpn0 up && ip route add 172.17.128.0/24 dev vpn0');
  sh('ip addr add 172.18.0.9/32 dev vpn0');
  await fixture.crashAndRestore(new Set());
  assert.equal(subnet(), '172.19.0.0/16');
  assert.match(sh(`ip -o -4 addr show ${BRIDGE}`), /inet 172\.19\.0\.1\/16/);
  assert.doesNotMatch(sh(`ip -o -4 addr show ${BRIDGE}`), /172\.17/);
  const web = await fixture.run('web');
  assert.equal(web.ip, '172.19.0.2');
  sh('ip link del vpn0');
});
