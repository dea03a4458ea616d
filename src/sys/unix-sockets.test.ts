import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listsWaitingClients } from './unix-sockets.ts';

const HEAD = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
const LISTENING = '0000000047031650: 00000002 00000000 00010000 0005 01 336713 /proc/self/fd/12/attach\n';
const ACCEPTED = '000000006fa1925d: 00000003 00000000 00000000 0005 03 336753 /proc/self/fd/12/attach\n';
const WAITING = '0000000081226c4f: 00000003 00000000 00000000 0005 02     0 /proc/self/fd/12/attach\n';

test('listsWaitingClients() tells clients that were not accepted from all others', () => {
  assert.equal(listsWaitingClients(HEAD + LISTENING + ACCEPTED, 'attach'), false);
  assert.equal(listsWaitingClients(HEAD + LISTENING + ACCEPTED + WAITING, 'attach'), true);
  assert.equal(listsWaitingClients(HEAD + LISTENING + WAITING, 'other'), false);
  assert.equal(listsWaitingClients('', 'attach'), false);
});
