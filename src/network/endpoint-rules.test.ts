import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseGateway } from './gateway-choice.ts';
import { InstanceNames, isLinkName } from './instance-names.ts';
import { macBytes, macFor, parseMac } from './mac-address.ts';
import type { PublishedPort } from './network.ts';
import { forwardTargetOf, needsForwarder, publicationsOf } from './publications.ts';

const address = (text: string, gateway?: string) => ({
  address: text,
  prefixLength: 24,
  ...(gateway !== undefined && { gateway }),
});
const endpoint = (networkName: string, gatewayPriority = 0, gateway: string | undefined = '10.0.0.1') => ({
  networkName,
  gatewayPriority,
  ipv4: address('10.0.0.2', gateway),
});

test('chooseGateway(): priority, then name; internal networks lead nowhere', () => {
  assert.equal(chooseGateway([endpoint('b'), endpoint('a'), endpoint('c')])?.networkName, 'a');
  assert.equal(chooseGateway([endpoint('b', 1), endpoint('a'), endpoint('c', -1)])?.networkName, 'b');
  const internal = { networkName: 'a', gatewayPriority: 9, ipv4: address('10.0.0.2') };
  assert.equal(chooseGateway([internal, endpoint('z')])?.networkName, 'z');
  assert.equal(chooseGateway([internal]), undefined);
});

const port = (hostIp: string, protocol: PublishedPort['protocol'] = 'tcp'): PublishedPort => ({
  protocol,
  hostIp,
  hostPort: 8080,
  containerPort: 80,
});
const V4 = { ipv4: { address: '10.0.0.2' } };
const BOTH = { ...V4, ipv6: { address: 'fd00::2' } };

test('publicationsOf(): the kernel rewrites within a family, and never ::1', () => {
  const hosts = (target: typeof V4): (string | undefined)[] =>
    publicationsOf(
      ['0.0.0.0', '127.0.0.1', '::', '::1', 'fd77::1'].map(ip => port(ip)),
      target,
    ).map(one => `${one.hostIp ?? 'any'} → ${one.targetIp}`);
  assert.deepEqual(hosts(V4), ['any → 10.0.0.2', '127.0.0.1 → 10.0.0.2']);
  assert.deepEqual(hosts(BOTH), [
    'any → 10.0.0.2',
    '127.0.0.1 → 10.0.0.2',
    'any → fd00::2',
    'fd77::1 → fd00::2',
  ]);
});

test('the engine forwards what the kernel cannot', () => {
  assert.deepEqual(forwardTargetOf([port('0.0.0.0'), port('::')], V4), { address: '10.0.0.2', port: 80 });
  assert.deepEqual(forwardTargetOf([port('::1')], BOTH), { address: 'fd00::2', port: 80 });
  assert.equal(forwardTargetOf([port('::1')], {}), undefined);
  assert.equal(needsForwarder([port('0.0.0.0', 'udp')], V4), false);
  assert.equal(needsForwarder([port('0.0.0.0', 'udp'), port('::', 'udp')], V4), true);
  assert.equal(needsForwarder([port('0.0.0.0')], V4), true);
  assert.equal(needsForwarder([port('0.0.0.0', 'sctp')], V4), false);
});

test('MAC addresses follow from IPv4 ones, else by chance; groups and nonsense are refused', () => {
  assert.equal(macFor(['fd00::1', '172.17.0.2']), '02:42:ac:11:00:02');
  assert.match(macFor(['fd00::1']), /^02:42(:[0-9a-f]{2}){4}$/);
  assert.notEqual(macFor([]), macFor([]));
  assert.equal(parseMac('92-D0-C6-0A-29-33'), '92:d0:c6:0a:29:33');
  for (const text of ['', '92:d0:c6:0a:29', '01:00:5e:00:00:01', '00:00:00:00:00:00', 'zz:d0:c6:0a:29:33']) {
    assert.equal(parseMac(text), undefined, text);
  }
  assert.deepEqual([...macBytes('02:42:ac:11:00:02')], [2, 0x42, 172, 17, 0, 2]);
});

test('each engine knows its own links, and no other engine’s', () => {
  const plain = new InstanceNames({ key: '', bridgeName: 'quai0' });
  const keyed = new InstanceNames({ key: 'ab12', bridgeName: 'qab120' });
  const id = '0123456789abcdef'.repeat(4);
  assert.deepEqual([plain.table, keyed.table], ['quai', 'quai_ab12']);
  assert.deepEqual([plain.veth(id), keyed.veth(id)], ['q-01234567', 'qab12-01234567']);
  assert.ok(keyed.veth(id).length <= 15);
  assert.ok(plain.isOwnVeth(plain.veth(id)) && keyed.isOwnVeth(keyed.veth(id)));
  assert.ok(!plain.isOwnVeth(keyed.veth(id)) && !keyed.isOwnVeth(plain.veth(id)));
  assert.ok(!plain.isOwnAlias(keyed.linkAlias(id)) && !keyed.isOwnAlias(plain.linkAlias(id)));
  assert.ok(keyed.isOwnAlias(keyed.linkAlias(id)));
  for (const instance of [
    { key: 'toolong', bridgeName: 'b' },
    { key: 'A', bridgeName: 'b' },
    { key: '', bridgeName: 'sixteen-letters-' },
    { key: '', bridgeName: 'a b' },
    { key: '', bridgeName: '..' },
  ]) {
    assert.throws(() => new InstanceNames(instance), RangeError);
  }
  assert.equal(isLinkName('a/b'), false);
});
