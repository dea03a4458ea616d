import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPorts } from './port-plan.ts';
import { parseContainerPorts } from './port-spec.ts';

/** `ip:first-last->port/proto`, one per request. */
function plan(
  bindings: Record<string, { HostIp: string; HostPort: string }[]>,
  { exposed = [] as string[], all = false } = {},
): string[] {
  return planPorts({ ExposedPorts: exposed }, { PortBindings: bindings, PublishAllPorts: all }).map(
    ({ hostIp, hostPortFirst, hostPortLast, containerPort, protocol }) =>
      `${hostIp}:${hostPortFirst}-${hostPortLast}->${containerPort}/${protocol}`,
  );
}

function bind(HostPort: string, HostIp = ''): { HostIp: string; HostPort: string } {
  return { HostIp, HostPort };
}

const plans: readonly (readonly [string, string[], string[]])[] = [
  ['nothing', plan({}), []],
  ['one port on both families', plan({ '80/tcp': [bind('8080')] }), [':8080-8080->80/tcp']],
  ['tcp when no protocol is named', plan({ '80': [bind('8080')] }), [':8080-8080->80/tcp']],
  ['upper case protocol', plan({ '53/UDP': [bind('53')] }), [':53-53->53/udp']],
  ['ephemeral: empty, or 0', plan({ '80/tcp': [bind(''), bind('0')] }), [':0-0->80/tcp', ':0-0->80/tcp']],
  ['a range to choose from', plan({ '80/tcp': [bind('8000-8010')] }), [':8000-8010->80/tcp']],
  ['an address', plan({ '80/tcp': [bind('80', '127.0.0.1')] }), ['127.0.0.1:80-80->80/tcp']],
  [
    'an IPv6 address, with and without brackets',
    plan({ '80/tcp': [bind('80', '[::1]'), bind('81', '::1')] }),
    ['::1:80-80->80/tcp', '::1:81-81->80/tcp'],
  ],
  ['no binding in the list', plan({ '80/tcp': [] }), []],
  [
    'in order',
    plan({ '90/tcp': [bind('')], '53/udp': [bind('')], '80/tcp': [bind('')] }),
    [':0-0->80/tcp', ':0-0->90/tcp', ':0-0->53/udp'],
  ],
  ['exposed ports only count with -P', plan({}, { exposed: ['80/tcp'] }), []],
  [
    '-P: each exposed port once',
    plan({}, { exposed: ['80/tcp', '80', '82-83/udp'], all: true }),
    [':0-0->80/tcp', ':0-0->82/udp', ':0-0->83/udp'],
  ],
  [
    '-P leaves alone what is bound by name',
    plan({ '80/tcp': [bind('8080')] }, { exposed: ['80/tcp', '81/tcp'], all: true }),
    [':8080-8080->80/tcp', ':0-0->81/tcp'],
  ],
];

for (const [what, actual, expected] of plans) {
  test(`planPorts(): ${what}`, () => assert.deepEqual(actual, expected));
}

const refused: readonly (readonly [string, string, string, string])[] = [
  ['99999/tcp', '', '', 'invalid port specification: "99999/tcp"'],
  ['0/tcp', '', '', 'invalid port specification: "0/tcp"'],
  ['http/tcp', '', '', 'invalid port specification: "http/tcp"'],
  ['', '', '', 'invalid port specification: ""'],
  ['80/tcp/udp', '', '', 'invalid port specification: "80/tcp/udp"'],
  ['80-81/tcp', '', '', 'invalid port specification: "80-81/tcp"'],
  ['80/icmp', '', '', 'Invalid proto: icmp'],
  ['80/tcp', '', '65536', 'invalid port specification: "65536"'],
  ['80/tcp', '', '90-80', 'invalid port specification: "90-80"'],
  ['80/tcp', '', '0-80', 'invalid port specification: "0-80"'],
  ['80/tcp', '', '-1', 'invalid port specification: "-1"'],
  ['80/tcp', '', ' 80', 'invalid port specification: " 80"'],
  [
    '80/tcp',
    'localhost',
    '80',
    'invalid IP address: localhost: an address of this machine is meant, not a name',
  ],
  ['80/tcp', '1.2.3', '80', 'invalid IP address: 1.2.3: an address of this machine is meant, not a name'],
];

for (const [port, HostIp, HostPort, message] of refused) {
  test(`planPorts() refuses ${HostIp}:${HostPort}:${port}`, () => {
    assert.throws(() => plan({ [port]: [{ HostIp, HostPort }] }), { kind: 'invalid', message });
  });
}

test('parseContainerPorts() reads ranges', () => {
  assert.deepEqual(parseContainerPorts('1-65535/sctp'), { first: 1, last: 65_535, protocol: 'sctp' });
});

test('-P refuses more ports than the host has to spare, however the image names them', () => {
  const ranges = Array.from({ length: 20_000 }, (_, index) => `1-${65_535 - index}/tcp`);
  const begun = performance.now();
  assert.throws(() => plan({}, { exposed: ranges, all: true }), { kind: 'invalid', message: /4096 ports/ });
  assert.equal(plan({}, { exposed: Array.from({ length: 20_000 }, () => '1-4000'), all: true }).length, 4000);
  assert.ok(performance.now() - begun < 2000);
});
