import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classOf, clientNetwork, mayLeadTo } from './address-guard.ts';

test('classOf() knows addresses in all their clothes', () => {
  const classes = {
    '127.0.0.1': 'loopback',
    '::1': 'loopback',
    '::ffff:127.0.0.1': 'loopback',
    '169.254.169.254': 'linkLocal',
    '::ffff:a9fe:a9fe': 'linkLocal',
    '64:ff9b::a9fe:a9fe': 'linkLocal',
    'fe80::1': 'linkLocal',
    'fd00:ec2::254': 'linkLocal',
    '0.0.0.0': 'linkLocal',
    '192.0.0.192': 'linkLocal',
    '168.63.129.16': 'linkLocal',
    '::127.0.0.1': 'private',
    '::ffff:0:127.0.0.1': 'private',
    '64:ff9b:1::7f00:1': 'private',
    '2002:7f00:1::': 'private',
    'fec0::1': 'private',
    '10.1.2.3': 'private',
    '172.31.0.1': 'private',
    'fd12::1': 'private',
    '172.32.0.1': 'public',
    '8.8.8.8': 'public',
    '2001:db8::1': 'public',
  };
  for (const [address, expected] of Object.entries(classes))
    assert.equal(classOf(address), expected, address);
});

test('mayLeadTo(): nobody names a link-local address, and only insiders name insiders', () => {
  const allowed = (['public', 'private', 'loopback'] as const).map(own =>
    (['public', 'private', 'loopback', 'linkLocal'] as const).filter(target => mayLeadTo(own, target)),
  );
  assert.deepEqual(allowed, [['public'], ['public', 'private'], ['public', 'private', 'loopback']]);
});

test('clientNetwork(): one address of IPv4, all that one host has of IPv6', () => {
  const networks = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:db8:1:2::7': '2001:db8:1:2::/64',
    '2001:db8::7': '2001:db8:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '::1': '0:0:0:0::/64',
    '': '',
    'a proxy says': 'a proxy says',
  };
  for (const [address, expected] of Object.entries(networks))
    assert.equal(clientNetwork(address), expected, address);
});
