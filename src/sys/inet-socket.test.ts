import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketAddress } from './inet-socket.ts';
import { parseSocketTable } from './inet-socket-owner.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1065 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2000 1 0 100 0 0 10 0
   2: 0100007F:901F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3000 1 0 100 0 0 10 0
   3: 00000000:1F90 00000000:0000 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
`;

test('parseSocketTable() finds who listens, and leaves connections and other ports out', () => {
  assert.deepEqual(parseSocketTable(TABLE, 8080, { onlyListening: true }), ['1065']);
  assert.deepEqual(parseSocketTable(TABLE, 8080, { onlyListening: false }), ['1065', '2000']);
  assert.deepEqual(parseSocketTable('', 8080, { onlyListening: true }), []);
});

test('socketAddress() has port and address in network order', () => {
  const v4 = socketAddress(Buffer.from([127, 0, 0, 1]), 8080);
  assert.deepEqual([v4.length, v4.readUInt16BE(2), [...v4.subarray(4, 8)]], [16, 8080, [127, 0, 0, 1]]);
  const v6 = socketAddress(Buffer.from('fd000000000000000000000000000002', 'hex'), 53);
  assert.deepEqual([v6.length, v6.readUInt16BE(2), v6[8], v6[23]], [28, 53, 0xfd, 2]);
});
