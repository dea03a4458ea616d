import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BRIDGE, becomeHost, NetworkFixture, port, sh, whyNot } from './network-fixture.ts';
import { ask, heard, serve } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const BRIDGE_NETFILTER = 'net.bridge.bridge-nf-call-iptables';

for (const passes of ['1', '0']) {
  test(`a published port answers from everywhere it should (${BRIDGE_NETFILTER}=${passes})`, {
    skip,
  }, async () => {
    sh(`sysctl -qw ${BRIDGE_NETFILTER}=${passes} 2>/dev/null || true`);
    await using fixture = await NetworkFixture.open();
    const lan = fixture.neighbour('10.77.1');
    const web = await fixture.run('web', { ports: [port(80, 8080), port(53, 5353, { protocol: 'udp' })] });
    const other = await fixture.run('other');
    const net = await fixture.service.create({ name: 'apart' });
    const plain = await fixture.service.create({
      name: 'unmasked',
      options: { 'com.docker.network.bridge.enable_ip_masquerade': 'false' },
    });
    const unmasked = await fixture.run('unmasked', { networks: [{ network: plain.id }] });
    const far = await fixture.run('far', { networks: [{ network: net.name }] });
    await web.station.serve('web', 80);
    await web.station.serve('dns', 53, 'udp');

    const host = async (address: string): Promise<string> => ask({ protocol: 'tcp', address, port: 8080 });
    assert.equal(await host('127.0.0.1'), 'web 172.17.0.1');
    assert.equal(await host('::1'), 'web 172.17.0.1');
    assert.equal(await host('10.77.1.1'), 'web 10.77.1.1');
    assert.equal(await host('172.17.0.1'), 'web 172.17.0.1');
    assert.equal(await ask({ protocol: 'tcp', address: web.ip, port: 80 }), 'web 172.17.0.1');
    assert.equal(await ask({ protocol: 'udp', address: '127.0.0.1', port: 5353 }), 'dns 172.17.0.1');
    assert.equal(await ask({ protocol: 'udp', address: '::1', port: 5353 }), 'dns 172.17.0.1');

    assert.equal(await lan.ask('10.77.1.1', 8080), 'web 10.77.1.2', 'the source address is kept');
    assert.equal(await lan.ask('10.77.1.1', 5353, { protocol: 'udp' }), 'dns 10.77.1.2');

    assert.equal(await other.station.ask(web.ip, 80), `web ${other.ip}`);
    assert.equal(await other.station.ask('10.77.1.1', 8080), 'web 172.17.0.1');
    assert.equal(await other.station.ask('172.17.0.1', 8080), 'web 172.17.0.1');
    assert.equal(await other.station.ask('172.17.0.1', 5353, { protocol: 'udp' }), 'dns 172.17.0.1');
    assert.equal(
      await web.station.ask('172.17.0.1', 8080),
      'web 172.17.0.1',
      'itself, by its own published port',
    );
    assert.equal(await far.station.ask('10.77.1.1', 8080), 'web 172.17.0.1', 'another bridge, by the host');
    assert.equal(
      await unmasked.station.ask('10.77.1.1', 8080),
      'web 172.17.0.1',
      'a bridge without masquerading',
    );
    assert.equal(
      await far.station.ask(web.ip, 80, { timeoutMs: 400 }),
      'timeout',
      'another bridge, directly',
    );
    assert.match(sh(`sysctl -n net.ipv6.conf.${BRIDGE}.accept_ra`), /^0/);
  });
}

test('a neighbour reaches nothing that was not published to it', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.2');
  const local = port(80, 8080, { hostIp: '127.0.0.1' });
  const web = await fixture.run('web', { ports: [local] });
  await web.station.serve('web', 80);
  await web.station.serve('secret', 81);
  // Its own loopback out of the way, packets for 127.0.0.1 and for the container leave towards us.
  lan.run('ip route add 172.17.0.0/16 via 10.77.2.1');
  lan.run(
    'ip addr del 127.0.0.1/8 dev lo; ip route del local 127.0.0.0/8 dev lo table local 2>/dev/null || true',
  );
  lan.run(
    'sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route add 127.0.0.0/8 via 10.77.2.1 src 10.77.2.2',
  );
  // The host itself may be set up carelessly by somebody else.
  sh('sysctl -qw net.ipv4.conf.all.route_localnet=1');

  const quick = { timeoutMs: 400 };
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'web 172.17.0.1');
  assert.equal(await lan.ask('10.77.2.1', 8080), 'refused');
  assert.equal(await lan.ask('127.0.0.1', 8080, quick), 'timeout');
  assert.equal(await lan.ask(web.ip, 80, quick), 'timeout');
  assert.equal(await lan.ask(web.ip, 81, quick), 'timeout');
  sh('sysctl -qw net.ipv4.conf.all.route_localnet=0');
});

test('a container cannot use the way to 127.0.0.1 that its bridge has', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  const close = await serve('hidden', 9001, 'tcp');
  try {
    assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 9001 }), 'hidden 127.0.0.1');
    web.station.run('ip route del local 127.0.0.0/8 dev lo table local; ip addr flush dev lo');
    web.station.run(
      `sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route add 127.0.0.0/8 via 172.17.0.1 src ${web.ip}`,
    );
    assert.equal(await web.station.ask('127.0.0.1', 9001, { timeoutMs: 400 }), 'timeout');
  } finally {
    close();
  }
});

test('a container cannot pass for the host itself', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  const close = await serve('trusting', 9002, 'udp');
  try {
    web.station.run('sysctl -qw net.ipv4.conf.all.route_localnet=1');
    const question = { protocol: 'udp' } as const;
    assert.equal(await web.station.ask('172.17.0.1', 9002, question), `trusting ${web.ip}`);
    const forged = { ...question, from: '127.0.0.1', timeoutMs: 300 };
    assert.equal(await web.station.ask('172.17.0.1', 9002, forged), 'timeout');
    assert.deepEqual(
      heard.filter(line => line.startsWith('trusting')),
      [`trusting ${web.ip}`],
    );
  } finally {
    close();
  }
});
