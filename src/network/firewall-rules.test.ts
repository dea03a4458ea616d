import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  endpointElements,
  type FirewallAddress,
  type FirewallNetwork,
  networkElements,
  type Publication,
  renderAdd,
  renderNoTable,
  renderRemove,
  renderTable,
} from './firewall-rules.ts';

const NETWORK = {
  bridge: 'br-1',
  subnets: ['172.17.0.0/16', 'fd00::/64'],
  isInternal: false,
  masqueraded: [4, 6] as const,
  sourceAddress: {},
  isOpenWithin: true,
};
const WEB: Publication = { protocol: 'tcp', hostPort: 8080, targetIp: '172.17.0.2', targetPort: 80 };

test('networkElements(): an ordinary network may talk within and is masqueraded', () => {
  assert.equal(
    renderAdd('t', networkElements(NETWORK)),
    'add element inet t bridges { "br-1" }\n' +
      'add element inet t intra { "br-1" . "br-1" }\n' +
      'add element inet t masquerade4 { 172.17.0.0/16 }\n' +
      'add element inet t masquerade6 { fd00::/64 }\n',
  );
});

test('networkElements(): internal, closed and unmasked networks differ by membership alone', () => {
  const setsOf = (change: Partial<FirewallNetwork>): string[] =>
    networkElements({ ...NETWORK, ...change }).map(element => element.set);
  assert.deepEqual(setsOf({ isInternal: true }), ['bridges', 'internal', 'intra']);
  assert.deepEqual(setsOf({ isOpenWithin: false }), ['bridges', 'masquerade4', 'masquerade6']);
  assert.deepEqual(setsOf({ masqueraded: [] }), ['bridges', 'intra']);
  assert.deepEqual(setsOf({ masqueraded: [6], sourceAddress: { 4: '192.0.2.1', 6: '2001:db8::1' } }), [
    'bridges',
    'intra',
    'masquerade6',
    'source6',
  ]);
});

test('endpointElements(): addresses at home on their bridge, ports by address or for all', () => {
  const publications: Publication[] = [
    WEB,
    { ...WEB, hostIp: '127.0.0.1', hostPort: 81 },
    { ...WEB, protocol: 'udp', hostPort: 53, targetIp: 'fd00::2', targetPort: 5353 },
    { ...WEB, hostIp: 'fd77::1', targetIp: 'fd00::2' },
  ];
  const addresses = ['172.17.0.2', 'fd00::2'].map(closed);
  const elements = endpointElements({ bridge: 'br-1', bridgeIndex: 9, addresses, publications });
  assert.equal(
    renderAdd('t', elements),
    'add element inet t home4 { 172.17.0.2 . "br-1" }\n' +
      'add element inet t containers4 { 172.17.0.2 }\n' +
      'add element inet t plugged4 { 9 . 172.17.0.2 }\n' +
      'add element inet t home6 { fd00::2 . "br-1" }\n' +
      'add element inet t containers6 { fd00::2 }\n' +
      'add element inet t plugged6 { 9 . fd00::2 }\n' +
      'add element inet t publish4_any { tcp . 8080 : 172.17.0.2 . 80 }\n' +
      'add element inet t publish4 { 127.0.0.1 . tcp . 81 : 172.17.0.2 . 80 }\n' +
      'add element inet t publish6_any { udp . 53 : fd00::2 . 5353 }\n' +
      'add element inet t publish6 { fd77::1 . tcp . 8080 : fd00::2 . 80 }\n',
  );
  assert.match(
    renderRemove('t', elements),
    /delete element inet t publish4 \{ 127\.0\.0\.1 \. tcp \. 81 \}\n/,
  );
});

const closed = (address: string): FirewallAddress => ({
  address,
  mode: 'nat',
  trustedLinks: [],
  openPorts: [],
});

test('endpointElements(): who reaches an address directly follows from the mode of its network', () => {
  const openPorts = [{ protocol: 'tcp', containerPort: 80 } as const];
  const elements = (change: Partial<FirewallAddress>): string[] =>
    endpointElements({
      bridge: 'b',
      addresses: [{ ...closed('10.0.0.2'), openPorts, ...change }],
      publications: [],
    })
      .slice(2)
      .map(({ set, key }) => `${set} ${key}`);
  assert.deepEqual(elements({ openPorts: [] }), []);
  assert.deepEqual(elements({ mode: 'routed' }), ['routed4 10.0.0.2', 'open4 10.0.0.2 . tcp . 80']);
  assert.deepEqual(elements({ mode: 'nat-unprotected', openPorts: [] }), ['unprotected4 10.0.0.2']);
  assert.deepEqual(elements({ trustedLinks: ['eth1'] }), [
    'trusted4 10.0.0.2 . "eth1"',
    'open4 10.0.0.2 . tcp . 80',
  ]);
});

test('renderAdd() and renderRemove() name each set once, however many elements there are', () => {
  const publications = [1, 2, 3].map(hostPort => ({ ...WEB, hostPort }));
  const elements = endpointElements({ bridge: 'b', addresses: [], publications });
  assert.equal(
    renderRemove('t', elements),
    'delete element inet t publish4_any { tcp . 1, tcp . 2, tcp . 3 }\n',
  );
  assert.equal(renderAdd('t', []), '');
});

test('renderTable() replaces the table in one go', () => {
  const text = renderTable('quai', networkElements(NETWORK), {
    mode: 'quai',
    bridgeGroup: 7,
    originChain: 'shared',
  });
  assert.match(text, /^table inet quai\ndelete table inet quai\ntable inet quai \{/);
  assert.match(text, /chain forward \{/);
  assert.match(text, /add element inet quai bridges \{ "br-1" \}/);
  assert.equal(renderNoTable('quai'), 'table inet quai\ndelete table inet quai\n');
});
