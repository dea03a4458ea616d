import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeHost, NetworkFixture, port, sh, whyNot } from './network-fixture.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const quick = { timeoutMs: 300 };

/** Whether a datagram with a made-up source reaches a machine that counts what comes in. */
async function arrives(
  from: { run(command: string): string; ask: Ask },
  to: { address: string; source: string; run(command: string): string },
): Promise<boolean> {
  to.run(
    `nft "add table inet seen; add chain inet seen c { type filter hook prerouting priority -400; }; add rule inet seen c udp dport 7777 ip saddr ${to.source} counter"`,
  );
  from.run(`ip addr add ${to.source}/32 dev lo`);
  await from.ask(to.address, 7777, { protocol: 'udp', from: to.source, ...quick });
  from.run(`ip addr del ${to.source}/32 dev lo`);
  const packets = /packets (\d+)/.exec(to.run('nft list table inet seen'))?.[1];
  to.run('nft delete table inet seen');
  return packets !== '0';
}

type Ask = (address: string, port: number, options: object) => Promise<string>;

test('a container cannot send in the name of others', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.94.1');
  await fixture.service.create({ name: 'other', pools: [{ subnet: '10.94.2.0/24' }] });
  const mallory = await fixture.run('mallory', { ports: [port(80, 8080)] });
  const victim = await fixture.run('victim', { networks: [{ network: 'other' }] });
  const from = {
    run: (command: string) => mallory.station.run(command),
    ask: ((address, number, options) => mallory.station.ask(address, number, options)) as Ask,
  };
  for (const source of ['192.0.2.66', victim.ip, '10.94.1.1']) {
    const to = { address: '10.94.1.2', source, run: (command: string) => lan.run(command) };
    assert.equal(await arrives(from, to), false, `as ${source} to a neighbour`);
  }
  // A router in a container is none: the host itself reaches that network through it.
  sh(`ip route add 192.0.2.0/24 via ${mallory.ip}`);
  const to = { address: '10.94.1.2', source: '192.0.2.66', run: (command: string) => lan.run(command) };
  assert.equal(await arrives(from, to), true, 'what the host routes to a container may come from it');
  sh('ip route del 192.0.2.0/24');
});

test('a container cannot put in a word where another container talks already', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.94.1');
  await fixture.service.create({ name: 'other', pools: [{ subnet: '10.94.2.0/24' }] });
  const mallory = await fixture.run('mallory');
  const victim = await fixture.run('victim', {
    networks: [{ network: 'other' }],
    ports: [port(80, 8080, { protocol: 'udp' })],
  });
  await victim.station.serve('victim', 80, 'udp');
  lan.run(
    'nft "add table inet seen; add chain inet seen c { type filter hook prerouting priority -400; }; add rule inet seen c udp dport 7777 counter"',
  );
  const answers = (): string | undefined => /packets (\d+)/.exec(lan.run('nft list table inet seen'))?.[1];
  const question = { protocol: 'udp', from: '10.94.1.2', fromPort: 7777 } as const;
  assert.equal(await lan.ask('10.94.1.1', 8080, question), 'victim 10.94.1.2');
  assert.equal(await lan.ask('10.94.1.1', 8080, question), 'victim 10.94.1.2');
  assert.equal(answers(), '2', 'the connection is one that both sides spoke on');

  mallory.station.run(`ip addr add ${victim.ip}/32 dev lo`);
  await mallory.station.ask('10.94.1.2', 7777, { protocol: 'udp', from: victim.ip, fromPort: 80, ...quick });
  assert.equal(answers(), '2', 'as the victim, to its client');
  lan.run('nft delete table inet seen');

  // The other way round, as the client.
  victim.station.run(
    'nft "add table inet seen; add chain inet seen c { type filter hook prerouting priority -400; }; add rule inet seen c udp dport 80 counter"',
  );
  mallory.station.run('ip addr add 10.94.1.2/32 dev lo');
  await mallory.station.ask('10.94.1.1', 8080, { ...question, ...quick });
  assert.match(victim.station.run('nft list table inet seen'), /packets 0 /, 'as the client');
});

test('containers that are somebody keep talking, also where the host has no address', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  for (const passes of ['1', '0']) {
    sh(`sysctl -qw net.bridge.bridge-nf-call-iptables=${passes} 2>/dev/null || true`);
    const name = `cell${passes}`;
    await fixture.service.create({
      name,
      isInternal: true,
      hasIpv6: true,
      pools: [{ subnet: `10.94.${passes}.0/24` }, { subnet: `fd94:${passes}::/64` }],
      options: {
        'com.docker.network.bridge.gateway_mode_ipv4': 'isolated',
        'com.docker.network.bridge.gateway_mode_ipv6': 'isolated',
      },
    });
    const one = await fixture.run(`one${passes}`, { networks: [{ network: name }] });
    const two = await fixture.run(`two${passes}`, { networks: [{ network: name }] });
    await one.station.serve('one', 80);
    assert.equal(await two.station.ask(one.ip, 80), `one ${two.ip}`);
    const [ipv6 = '', own = ''] = [one, two].map(({ endpoints }) => endpoints[0]?.ipv6?.address ?? '');
    assert.equal(await two.station.ask(ipv6, 80), `one ${own}`);
  }
});
