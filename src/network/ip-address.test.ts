import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  contains,
  formatIp,
  formatSubnet,
  ipBytes,
  ipFromBytes,
  lastOf,
  overlaps,
  parseCidr,
  parseIp,
  parseSubnet,
} from './ip-address.ts';

const ip = (text: string) => parseIp(text) ?? assert.fail(`${text} is an address`);
const subnet = (text: string) => parseSubnet(text) ?? assert.fail(`${text} is a subnet`);

test('addresses are read and written in their shortest form', () => {
  const forms: Record<string, string> = {
    '10.0.0.1': '10.0.0.1',
    '255.255.255.255': '255.255.255.255',
    '::': '::',
    '::1': '::1',
    'FD00:0:0::0001': 'fd00::1',
    '1::': '1::',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '1:0:2:3:4:5:6:7': '1:0:2:3:4:5:6:7',
    '::ffff:192.0.2.1': '::ffff:c000:201',
    '1:2:3:4:5:6:7:8': '1:2:3:4:5:6:7:8',
  };
  for (const [text, expected] of Object.entries(forms)) assert.equal(formatIp(ip(text)), expected);
});

test('parseIp() and parseCidr() refuse what is none', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4/8',
    ':::',
    'fe80::1%eth0',
    'g::',
    '1.2.3.4 ',
  ]) {
    assert.equal(parseIp(text), undefined, text);
  }
  for (const text of [
    '',
    '/8',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0.0/ 8',
  ]) {
    assert.equal(parseCidr(text), undefined, text);
  }
});

test('bytes are in network order and come back', () => {
  assert.deepEqual([...ipBytes(ip('172.17.0.2'))], [172, 17, 0, 2]);
  for (const text of ['172.17.0.2', 'fd12::7']) assert.equal(formatIp(ipFromBytes(ipBytes(ip(text)))), text);
});

test('subnets lose their host bits, know their end, and whom they touch', () => {
  assert.equal(formatSubnet(subnet('10.1.2.3/16')), '10.1.0.0/16');
  assert.equal(formatIp(lastOf(subnet('10.1.0.0/16'))), '10.1.255.255');
  assert.equal(formatIp(lastOf(subnet('fd00::/64'))), 'fd00::ffff:ffff:ffff:ffff');
  assert.equal(contains(subnet('10.1.0.0/16'), ip('10.1.255.255')), true);
  assert.equal(contains(subnet('10.1.0.0/16'), ip('10.2.0.0')), false);
  assert.equal(contains(subnet('0.0.0.0/0'), ip('::1')), false);
  assert.equal(overlaps(subnet('10.0.0.0/8'), subnet('10.9.0.0/24')), true);
  assert.equal(overlaps(subnet('10.9.0.0/24'), subnet('10.0.0.0/8')), true);
  assert.equal(overlaps(subnet('10.9.0.0/24'), subnet('10.9.1.0/24')), false);
});
