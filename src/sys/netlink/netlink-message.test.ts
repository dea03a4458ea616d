import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { addAddress, addRoute } from './address-requests.ts';
import { deleteFlow, deleteFlows, listFlows, udpFlowsToPort } from './conntrack-requests.ts';
import { createVeth, setLink } from './link-requests.ts';
import {
  attribute,
  be16,
  decodeAttributes,
  decodeReplies,
  encodeRequest,
  nested,
  readText,
  text,
  u32,
} from './netlink-message.ts';
import { errorOf } from './netlink-socket.ts';
import { decodeLink } from './netlink-tables.ts';

// Bytes as netlink(7) and rtnetlink(7) lay them out on a little-endian machine.
const skip = endianness() === 'LE' ? false : 'bytes are written for little-endian machines';

test('attributes are padded to four bytes, and nest', { skip }, () => {
  assert.equal(attribute(3, text('lo')).toString('hex'), '070003006c6f0000');
  assert.equal(attribute(4, u32(1500)).toString('hex'), '08000400dc050000');
  assert.equal(
    nested(18, attribute(1, text('veth'))).toString('hex'),
    '10001280' + '0900010076657468' + '00000000',
  );
  assert.throws(() => text('a\0b'), RangeError);
  assert.throws(() => attribute(1, Buffer.alloc(0x10000)), RangeError);
});

test('a request carries its length, flags and number', { skip }, () => {
  const bytes = encodeRequest({ what: 'x', type: 16, flags: 4, payload: Buffer.from([1, 2, 3]) }, 7);
  assert.equal(bytes.toString('hex'), '13000000' + '10000500' + '07000000' + '00000000' + '01020300');
});

test('decoding stops at lengths that lie', { skip }, () => {
  const good = encodeRequest({ what: 'x', type: 16, flags: 0, payload: Buffer.alloc(4) }, 1);
  const lying = Buffer.from(good);
  lying.writeUInt32LE(9999, 0);
  const tiny = Buffer.from(good);
  tiny.writeUInt32LE(3, 0);
  assert.equal(decodeReplies(Buffer.concat([good, lying])).length, 1);
  assert.equal(decodeReplies(Buffer.concat([tiny, good])).length, 0);
  assert.equal(decodeReplies(Buffer.alloc(5)).length, 0);
  assert.equal(decodeAttributes(Buffer.from('0200010000000000', 'hex')).size, 0);
  assert.equal(decodeAttributes(Buffer.from('ff00010000000000', 'hex')).size, 0);
});

test('setLink() up: ifinfomsg with the flag and its mask', { skip }, () => {
  assert.equal(
    setLink(5, { isUp: true }).payload.toString('hex'),
    '00000000' + '05000000' + '01000000' + '01000000',
  );
});

test('setLink() collects what concerns the bridge port in one place', { skip }, () => {
  const info = decodeAttributes(setLink('q-1', { isHairpin: true, isIsolated: false }).payload, 16).get(18);
  const port = decodeAttributes(decodeAttributes(info ?? Buffer.alloc(0)).get(5) ?? Buffer.alloc(0));
  assert.deepEqual(
    [...port].map(([type, value]) => [type, value[0]]),
    [
      [4, 1],
      [33, 0],
    ],
  );
});

test('createVeth() puts the far end into its name space and into nothing else', { skip }, () => {
  const request = createVeth({
    name: 'q-1',
    bridgeIndex: 9,
    mtu: 1400,
    peerName: 'eth0',
    peerNetns: 21,
    peerMac: Buffer.from('0242ac110002', 'hex'),
  });
  const near = decodeLink(request.payload);
  assert.deepEqual([near.name, near.masterIndex, near.mtu, near.kind], ['q-1', 9, 1400, 'veth']);
  const info = decodeAttributes(decodeAttributes(request.payload, 16).get(18) ?? Buffer.alloc(0));
  const peer = decodeAttributes(info.get(2) ?? Buffer.alloc(0)).get(1) ?? Buffer.alloc(0);
  const far = decodeAttributes(peer, 16);
  assert.equal(readText(far.get(3) ?? Buffer.alloc(0)), 'eth0');
  assert.equal(far.get(28)?.readUInt32LE(0), 21);
  assert.equal(far.has(10), false);
});

test('addAddress() and addRoute() as rtnetlink(7) lays them out', { skip }, () => {
  const address = Buffer.from([172, 17, 0, 2]);
  assert.equal(
    addAddress({ linkIndex: 2, address, prefixLength: 16 }).payload.toString('hex'),
    '02100000' + '02000000' + '08000200ac110002' + '08000100ac110002' + '0800080000000000',
  );
  const gateway = Buffer.from([172, 17, 0, 1]);
  assert.equal(
    addRoute({ linkIndex: 2, family: 4, gateway }).payload.toString('hex'),
    '02000000fe030001' + '00000000' + '0800040002000000' + '08000500ac110001',
  );
});

test('conntrack filters: ports in network order, flags in the machine’s', { skip }, () => {
  const filter = udpFlowsToPort(53, 4);
  const attributes = decodeAttributes(deleteFlows(filter).payload, 4);
  const protocol = decodeAttributes(
    decodeAttributes(attributes.get(1) ?? Buffer.alloc(0)).get(2) ?? Buffer.alloc(0),
  );
  assert.deepEqual(protocol.get(3), be16(53));
  assert.equal(
    decodeAttributes(attributes.get(25) ?? Buffer.alloc(0))
      .get(1)
      ?.readUInt32LE(0),
    0b101000,
  );
  const again = deleteFlow(listFlows(filter).payload);
  assert.deepEqual(
    [...decodeAttributes(again?.payload ?? Buffer.alloc(0), 4).keys()],
    [1],
    'only what names the flow',
  );
  assert.equal(deleteFlow(Buffer.from([2, 0, 0, 0])), undefined);
});

test('errorOf() tells the errno and the kernel’s own words', { skip }, () => {
  const code = Buffer.alloc(4);
  code.writeInt32LE(-19);
  const words = attribute(1, text('Device does not exist'));
  const capped = {
    type: 2,
    flags: 0x300,
    sequence: 1,
    payload: Buffer.concat([code, Buffer.alloc(16), words]),
  };
  assert.equal(errorOf('set link q', capped).message, 'netlink set link q: Device does not exist: ENODEV');
  assert.equal(errorOf('set link q', { ...capped, flags: 0 }).message, 'netlink set link q: ENODEV');
});
