import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portText } from './port-text.ts';

const tcp = (inside: number, outside?: number, ip?: string) => ({
  PrivatePort: inside,
  Type: 'tcp',
  ...(outside === undefined ? {} : { PublicPort: outside, IP: ip ?? '0.0.0.0' }),
});

for (const [ports, expected] of [
  [[], ''],
  [[tcp(80)], '80/tcp'],
  [[tcp(80, 8080)], '0.0.0.0:8080->80/tcp'],
  [[tcp(80, 8080), tcp(80, 8080, '::')], '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'],
  [[tcp(82), tcp(80), tcp(81)], '80-82/tcp'],
  [[tcp(80), tcp(82)], '80/tcp, 82/tcp'],
  [[tcp(90, 90), tcp(91, 91), tcp(93, 93)], '0.0.0.0:90-91->90-91/tcp, 0.0.0.0:93->93/tcp'],
  [
    [tcp(80, 80), tcp(81, 9999), { PrivatePort: 53, Type: 'udp' }],
    '53/udp, 0.0.0.0:80->80/tcp, 0.0.0.0:9999->81/tcp',
  ],
] as const) {
  test(`portText() writes ${expected || 'nothing'}`, () => assert.equal(portText(ports), expected));
}
