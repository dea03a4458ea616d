import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePluginAddress, showAddress } from './plugin-address.ts';

const good: readonly (readonly [string, object, string])[] = [
  ['unix:///run/x.sock', { kind: 'unix', path: '/run/x.sock' }, 'unix:///run/x.sock'],
  ['tcp://localhost:8080', { kind: 'tcp', host: 'localhost', port: 8080 }, 'tcp://localhost:8080'],
  ['http://[::1]:8080/', { kind: 'tcp', host: '::1', port: 8080 }, 'tcp://[::1]:8080'],
];
for (const [address, parsed, shown] of good) {
  test(`parsePluginAddress() reads ${address}`, () => {
    assert.deepEqual(parsePluginAddress(address), parsed);
    assert.equal(showAddress(parsePluginAddress(address)), shown);
  });
}

test('parsePluginAddress() of https uses TLS, with the authorities of the host', () => {
  assert.equal(showAddress(parsePluginAddress('https://example.test')), 'https://example.test:443');
});

for (const address of [
  '',
  'nonsense',
  'unix://relative',
  'tcp://',
  'tcp://host:99999',
  'ftp://host:1',
  'tcp://a b:1',
]) {
  test(`parsePluginAddress() refuses "${address}"`, () => {
    assert.throws(() => parsePluginAddress(address), TypeError);
  });
}
