import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { test } from 'node:test';
import { endpointElements, networkElements, renderTable } from '#network/firewall-rules';
import { encodeElements } from '#network/firewall-sets';
import { NETLINK_NETFILTER, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { changeElements } from '#sys/netlink/set-element-requests';
import { NftError, openNftLibrary, openNftProgram } from '#sys/nftables';
import { until } from '../../support/until.ts';
import { becomeHost, NetworkFixture, port, whyNot } from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

for (const [name, open] of [
  ['the library', () => openNftLibrary()],
  ['the program', openNftProgram],
] as const) {
  test(`nftables by ${name}: a transaction is made whole or not at all, and refusals say why`, {
    skip,
  }, () => {
    using nft = open();
    assert.ok(nft);
    nft.run('table inet t { set s { type ipv4_addr; }; }\nadd element inet t s { 10.0.0.1 }');
    assert.throws(
      () => nft.run('add element inet t s { 10.0.0.2 }\nadd element inet nowhere s { 10.0.0.3 }'),
      (error: unknown) => error instanceof NftError && error.reason.includes('No such file or directory'),
    );
    assert.throws(() => nft.run('add add'), { name: 'NftError', message: /syntax error/ });
    assert.match(nft.list('list set inet t s'), /elements = \{ 10\.0\.0\.1 \}/);
    nft.run('delete table inet t');
  });
}

test('the library gives its context back when it is not used, and makes another', { skip }, async () => {
  const before = netlinkSockets();
  using nft = openNftLibrary({ idleMs: 1 });
  assert.ok(nft);
  for (let time = 0; time < 2; time += 1) {
    nft.run('add table inet t; delete table inet t');
    assert.equal(netlinkSockets(), before + 1);
    await until('the context is gone', () => netlinkSockets() === before);
  }
});

test('members of sets that the kernel is given directly are those that nft makes', { skip }, () => {
  using nft = openNftLibrary();
  assert.ok(nft);
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  const addresses = ['10.0.0.2', 'fd00::2'].map(address => ({
    address,
    mode: 'routed' as const,
    trustedLinks: ['eth7', 'fifteen-letters'],
    openPorts: [{ protocol: 'sctp' as const, containerPort: 65_535 }],
  }));
  const publications = (['tcp', 'udp', 'sctp'] as const).flatMap(protocol =>
    Array.from({ length: 300 }, (_, index) => ({ protocol, hostPort: 1 + index, targetPort: 80 })).flatMap(
      port => [
        { ...port, targetIp: '10.0.0.2' },
        { ...port, targetIp: 'fd00::2' },
        { ...port, hostIp: '192.0.2.1', targetIp: '10.0.0.2' },
        { ...port, hostIp: '2001:db8::1', targetIp: 'fd00::2' },
      ],
    ),
  );
  // Ranges next to each other, and at the end of all addresses.
  const subnets = ['10.0.0.0/24', '10.0.1.0/24', '255.255.255.0/24', 'fd00::/64', 'fd00:0:0:1::/64'];
  const network = { bridge: 'br-0', isInternal: false, isOpenWithin: true, masqueraded: [4, 6] as const };
  const sourceAddress = { 4: '192.0.2.7', 6: '2001:db8::7' };
  const elements = [
    ...networkElements({ ...network, subnets, sourceAddress }),
    ...endpointElements({ bridge: 'br-0', bridgeIndex: 1, addresses, publications }),
  ];
  nft.run(renderTable('t', elements, { mode: 'host', bridgeGroup: 7, originChain: 'own' }));
  nft.run(renderTable('t', elements, { mode: 'quai', bridgeGroup: 7, originChain: 'shared' }));
  const expected = nft.list('list table inet t');
  nft.run(renderTable('t', [], { mode: 'quai', bridgeGroup: 7, originChain: 'shared' }));
  const encoded = encodeElements(elements);
  for (let start = 0; start < encoded.length; start += 1_000) {
    socket.runTransaction(changeElements('t', [], encoded.slice(start, start + 1_000)));
  }
  assert.equal(nft.list('list table inet t'), expected);

  const [first = assert.fail()] = encoded;
  socket.runTransaction(changeElements('t', [first], [first]));
  assert.equal(nft.list('list table inet t'), expected, 'replaced in one go');
  const stranger = { set: 'containers4', key: Buffer.from([10, 0, 0, 9]) };
  assert.throws(() => socket.runTransaction(changeElements('t', [first, stranger], [])), { code: 'ENOENT' });
  assert.equal(nft.list('list table inet t'), expected, 'nothing happened');
  socket.runTransaction(changeElements('t', encoded.slice(0, 1_000), []));
  socket.runTransaction(changeElements('t', encoded.slice(1_000, 2_000), []));
  socket.runTransaction(changeElements('t', encoded.slice(2_000), []));
  assert.doesNotMatch(nft.list('list table inet t'), /elements = /);
  nft.run('delete table inet t');
});

test('nftables by the library: signals in the middle do no harm', { skip }, async () => {
  using nft = openNftLibrary();
  assert.ok(nft);
  nft.run('table inet t { set s { type ipv4_addr; }; }');
  // A profiler interrupts this thread twenty thousand times a second.
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 50 });
  await session.post('Profiler.start');
  for (let round = 0; round < 500; round += 1) {
    nft.run('add element inet t s { 10.0.0.1 }');
    nft.run('delete element inet t s { 10.0.0.1 }');
  }
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  assert.ok((profile.samples?.length ?? 0) > 100, 'there were signals');
  nft.run('delete table inet t');
});

test('nothing that networking opens stays open in programs started later', { skip }, async () => {
  const before = inherited();
  await using fixture = await NetworkFixture.open();
  await fixture.run('web', { ports: [port(80, 8080), port(53, 5353, { protocol: 'udp' })] });
  await ask({ protocol: 'tcp', address: '::1', port: 8080, timeoutMs: 100 });
  assert.deepEqual(inherited(), before);
});

/** proc_pid_fdinfo(5): `flags` in octal; without O_CLOEXEC a descriptor passes to every program. */
function inherited(): string[] {
  return readdirSync('/proc/self/fdinfo').filter(fd => {
    try {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
      return (Number.parseInt(flags ?? '0', 8) & 0o2000000) === 0;
    } catch {
      return false; // closed meanwhile
    }
  });
}

/** How many of this name space are open: nobody else is in it. */
function netlinkSockets(): number {
  return readFileSync('/proc/thread-self/net/netlink', 'utf8').split('\n').length;
}
