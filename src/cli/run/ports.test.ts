import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPorts } from './ports.ts';

function published(...publish: string[]): Record<string, string[]> {
  const { bindings, exposed } = readPorts({ publish, expose: [] });
  assert.deepEqual(Object.keys(exposed).sort(), Object.keys(bindings).sort(), 'what is published is exposed');
  const texts = Object.entries(bindings).map(([port, list]): [string, string[]] => [
    port,
    list.map(({ HostIp, HostPort }) => `${HostIp}|${HostPort}`),
  ]);
  return Object.fromEntries(texts);
}

for (const [text, expected] of [
  ['80', { '80/tcp': ['|'] }],
  ['8080:80', { '80/tcp': ['|8080'] }],
  [':80', { '80/tcp': ['|'] }],
  ['127.0.0.1:8080:80', { '80/tcp': ['127.0.0.1|8080'] }],
  ['127.0.0.1::80', { '80/tcp': ['127.0.0.1|'] }],
  ['[::1]:80:80/udp', { '80/udp': ['::1|80'] }],
  ['::1:80:80', { '80/tcp': ['::1|80'] }],
  ['80:80/TCP', { '80/tcp': ['|80'] }],
  ['9000-9001', { '9000/tcp': ['|'], '9001/tcp': ['|'] }],
  ['8000-8001:9000-9001/sctp', { '9000/sctp': ['|8000'], '9001/sctp': ['|8001'] }],
  ['8000-8010:80', { '80/tcp': ['|8000-8010'] }],
  ['published=8080,target=80,protocol=udp', { '80/udp': ['|8080'] }],
  ['target=80', { '80/tcp': ['|'] }],
] as const) {
  test(`-p ${text}`, () => assert.deepEqual(published(text), expected));
}

test('-p twice for one port gives it two addresses', () => {
  assert.deepEqual(published('127.0.0.1:80:80', '[::1]:80:80'), { '80/tcp': ['127.0.0.1|80', '::1|80'] });
});

test('--expose adds ports and ranges without publishing them', () => {
  const { exposed, bindings } = readPorts({ publish: ['80'], expose: ['5-6', '9/udp', '80'] });
  assert.deepEqual(Object.keys(exposed).sort(), ['5/tcp', '6/tcp', '80/tcp', '9/udp']);
  assert.deepEqual(Object.keys(bindings), ['80/tcp']);
});

for (const [publish, message] of [
  ['', 'no port specified: <empty>'],
  ['80:', 'no port specified: 80:<empty>'],
  ['x', 'invalid containerPort: x: ports are numbers from 1 to 65535, as in -p 8080:80'],
  ['80-70', 'invalid containerPort: 80-70: ports are numbers from 1 to 65535, as in -p 8080:80'],
  ['65536', 'invalid containerPort: 65536: ports are numbers from 1 to 65535, as in -p 8080:80'],
  ['x:80', 'invalid hostPort: x: ports are numbers from 1 to 65535, as in -p 8080:80'],
  ['1.2.3:80:80', 'invalid IP address: 1.2.3'],
  ['localhost:80:80', 'invalid IP address: localhost'],
  ['80-82:100-105', 'invalid ranges specified for container and host Ports: 100-105 and 80-82'],
  ['80/icmp', 'invalid proto: icmp'],
  ['target=80,foo', "invalid publish opts format (should be name=value but got 'foo')"],
] as const) {
  test(`-p ${publish} is refused: ${message}`, () => {
    assert.throws(() => readPorts({ publish: [publish], expose: [] }), { message, status: 125 });
  });
}

for (const [expose, message] of [
  ['80:80', 'invalid port format for --expose: 80:80'],
  ['x', 'invalid range format for --expose: x'],
] as const) {
  test(`--expose ${expose} is refused`, () => {
    assert.throws(() => readPorts({ publish: [], expose: [expose] }), { message });
  });
}
