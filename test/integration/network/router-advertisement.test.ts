import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { becomeHost, eventually, NetworkFixture, sh, whyNot } from './network-fixture.ts';

const skip = whyNot() ?? (hasPython() ? false : 'needs python3 to send raw packets');
if (!skip) becomeHost();

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', ''], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** RFC 4861, 4.2: "route by me for half an hour", and a prefix to take an address from. The kernel adds the checksum. */
const ADVERTISE = `
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex("eth0")
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 1800, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
for _ in range(3): s.sendto(head + prefix, ("ff02::1", 0, 0, index))
`;

test('a container that plays router impresses neither the host nor its neighbours', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const network = await fixture.service.create({ name: 'six', hasIpv6: true });
  const rogue = await fixture.run('rogue', { networks: [{ network: 'six' }] });
  const victim = await fixture.run('victim', { networks: [{ network: 'six' }] });
  // One that listens, to know that there was something to hear.
  const naive = await fixture.run('naive', { networks: [{ network: 'six' }] });
  naive.station.run('sysctl -qw net.ipv6.conf.eth0.accept_ra=2');
  const seen = (text: string): boolean => /2001:db8:bad|proto ra/.test(text);
  const state = 'ip -6 addr; ip -6 route';
  const before = { host: sh(state), victim: victim.station.run(state) };

  execFileSync('nsenter', [`--net=${rogue.station.path}`, 'python3', '-c', ADVERTISE]);
  await eventually(() => seen(naive.station.run(state)), 'the advertisement is heard');

  assert.equal(seen(victim.station.run(state)), false);
  assert.equal(seen(sh(state)), false);
  assert.deepEqual({ host: sh(state), victim: victim.station.run(state) }, before);
  assert.match(sh(`sysctl -n net.ipv6.conf.br-${network.id.slice(0, 12)}.accept_ra`), /^0/);
});

test('a network without IPv6 has no IPv6 on its bridge nor in its containers', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const plain = await fixture.run('plain');
  assert.equal(plain.station.run('sysctl -n net.ipv6.conf.eth0.disable_ipv6'), '1\n');
  assert.equal(sh('sysctl -n net.ipv6.conf.qnt0.disable_ipv6'), '1\n');
  assert.equal(sh('ip -6 -o addr').includes('qnt'), false, 'nor on the host’s ends of its links');
});
