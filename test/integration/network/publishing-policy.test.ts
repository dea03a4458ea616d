import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeHost, NetworkFixture, port, sh, whyNot } from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const quick = { timeoutMs: 300 };

test('publishing to loopback by default: neighbours reach only what names an address', { skip }, async () => {
  await using fixture = await NetworkFixture.open({ defaultHostIp: '127.0.0.1', firewall: 'quai' });
  const lan = fixture.neighbour('10.85.1');
  const web = await fixture.run('web', {
    ports: [port(80, 8080), port(80, 8081, { hostIp: '0.0.0.0' }), port(80, 8082, { hostIp: '10.85.1.1' })],
  });
  await web.station.serve('web', 80);
  assert.deepEqual(
    web.endpoints[0]?.ports.map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`),
    ['127.0.0.1 8080', '0.0.0.0 8081', '10.85.1.1 8082'],
  );
  assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 }), 'web 172.17.0.1');
  assert.equal(await lan.ask('10.85.1.1', 8080), 'refused');
  assert.equal(await lan.ask('10.85.1.1', 8081), 'web 10.85.1.2');
  assert.equal(await lan.ask('10.85.1.1', 8082), 'web 10.85.1.2');
  const binding = 'com.docker.network.bridge.host_binding_ipv4';
  assert.equal(fixture.service.get('bridge').options[binding], '127.0.0.1');

  await fixture.service.create({ name: 'open', options: { [binding]: '0.0.0.0' } });
  const open = await fixture.run('open', { networks: [{ network: 'open' }], ports: [port(80, 8083)] });
  await open.station.serve('open', 80);
  assert.equal(await lan.ask('10.85.1.1', 8083), 'open 10.85.1.2', 'a network may say otherwise');
});

/** What ufw and administrators write: input is dropped but for some ports. */
const HOST_RULES = `table inet hostfw {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport { 8080, 9000 } accept
    udp dport 5353 accept
  }
}`;

for (const firewall of ['host', 'quai'] as const) {
  test(`firewall ${firewall}: the host's input rules ${firewall === 'host' ? 'judge' : 'do not see'} published ports`, {
    skip,
  }, async () => {
    await using fixture = await NetworkFixture.open({ defaultHostIp: '0.0.0.0', firewall });
    const lan = fixture.neighbour('10.85.2');
    sh(`nft -f - <<'END'\n${HOST_RULES}\nEND`);
    try {
      const web = await fixture.run('web', {
        ports: [
          port(80, 8080),
          port(80, 8081),
          port(53, 5353, { protocol: 'udp' }),
          port(53, 5354, { protocol: 'udp' }),
        ],
      });
      const other = await fixture.run('other');
      await web.station.serve('web', 80);
      await web.station.serve('dns', 53, 'udp');
      const udp = { protocol: 'udp' } as const;
      const patience = firewall === 'host' ? quick : {};
      // Its own port is let in by the rules above; the source is the engine's then.
      const from = firewall === 'host' ? '172.17.0.1' : '10.85.2.2';
      const elsewhere = (name: string): string => (firewall === 'host' ? 'timeout' : `${name} 10.85.2.2`);
      assert.equal(await lan.ask('10.85.2.1', 8080), `web ${from}`);
      assert.equal(await lan.ask('10.85.2.1', 5353, udp), `dns ${from}`);
      assert.equal(await lan.ask('10.85.2.1', 8081, patience), elsewhere('web'));
      assert.equal(await lan.ask('10.85.2.1', 5354, { ...udp, ...patience }), elsewhere('dns'));
      assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: 8081 }), 'web 172.17.0.1');
      assert.equal(await ask({ protocol: 'tcp', address: '10.85.2.1', port: 8081 }), 'web 10.85.2.1');
      assert.equal(await other.station.ask('172.17.0.1', 8081), 'web 172.17.0.1', 'between containers');
    } finally {
      sh('nft delete table inet hostfw');
    }
  });
}
