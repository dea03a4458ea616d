import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  becomeHost,
  eventually,
  NetworkFixture,
  port,
  request,
  sh,
  TABLE,
  type TestContainer,
  whyNot,
} from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

function stateOf(fixture: NetworkFixture, container: TestContainer): Record<string, unknown> {
  return {
    rules: sh(`nft list table inet ${TABLE}`),
    links: [...sh('ip -o link').matchAll(/^\d+: (\S+?)[@:]/gm)].map(match => match[1]),
    routes: container.station.run('ip route show default'),
    endpoints: fixture.service.endpointsOf(container.id),
    sockets: sh('ss -Hltun'),
  };
}

test('when the last of several networks cannot be attached, nothing of the others is left', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  for (const [name, subnet] of [
    ['one', '10.61.0.0/24'],
    ['two', '10.62.0.0/24'],
  ] as const) {
    await fixture.service.create({ name, pools: [{ subnet }] });
  }
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  const owner = { containerId: web.id, containerName: 'web', hostname: 'web' };
  const before = stateOf(fixture, web);

  // The interface that the second network would get is there already.
  web.station.run('ip link add eth2 type bridge');
  const both = [
    request({ network: 'one', gatewayPriority: 9 }),
    request({ network: 'two', gatewayPriority: 8 }),
  ];
  await assert.rejects(fixture.service.attach(owner, both, []), /EEXIST/);
  web.station.run('ip link del eth2');

  await eventually(
    () => JSON.stringify(stateOf(fixture, web)) === JSON.stringify(before),
    'all is as it was',
  ).catch(() => assert.deepEqual(stateOf(fixture, web), before));
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'web 172.17.0.1');
  assert.equal(fixture.events.filter(event => event.action === 'connect').length, 1);

  const [one] = await fixture.service.attach(owner, both, []);
  assert.equal(one?.ipv4?.address, '10.61.0.2', 'the addresses were given back');
  assert.match(web.station.run('ip route show default'), /via 10\.61\.0\.1/);
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'web 10.61.0.1');
});

test('an unknown network, or one twice, is refused before anything is touched', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const before = sh(`nft list table inet ${TABLE}; ip -o link; ss -Hltun`);
  const ports = [port(80, 8080)];
  await assert.rejects(fixture.run('a', { networks: [{}, { network: 'nope' }], ports }), {
    kind: 'notFound',
    message: 'network nope not found',
  });
  await assert.rejects(fixture.run('b', { networks: [{}, {}], ports }), { kind: 'forbidden' });
  await assert.rejects(fixture.run('c', { networks: [{ macAddress: 'ff:ff:ff:ff:ff:ff' }], ports }), {
    kind: 'invalid',
  });
  assert.equal(sh(`nft list table inet ${TABLE}; ip -o link; ss -Hltun`), before);
  assert.equal((await fixture.run('d')).ip, '172.17.0.2');
});

test('a bridge that somebody deletes is made anew with the next container, and the others return to it', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const network = await fixture.service.create({ name: 'mine', pools: [{ subnet: '10.63.0.0/24' }] });
  const old = await fixture.run('old', { networks: [{ network: 'mine' }], ports: [port(80, 8081)] });
  await old.station.serve('old', 80);
  sh(`ip link del br-${network.id.slice(0, 12)}`);
  const a = await fixture.run('a', { networks: [{ network: 'mine' }] });
  await a.station.serve('a', 80);
  assert.equal(await ask({ protocol: 'tcp', address: a.ip, port: 80 }), 'a 10.63.0.1');
  assert.equal(await a.station.ask(old.ip, 80), `old ${a.ip}`);
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8081 }), 'old 10.63.0.1');
  const known = sh(`nft list set inet ${TABLE} plugged4`);
  for (const { ip } of [old, a]) {
    assert.ok(
      known.includes(`"br-${network.id.slice(0, 12)}" . ${ip}`),
      'known by the number of the new one',
    );
  }
});
