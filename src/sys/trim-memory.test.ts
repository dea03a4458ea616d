import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeMappings, trimMemory } from './trim-memory.ts';

const MAPS = `00400000-00600000 r--p 00000000 fe:00 123   /opt/node
00600000-02600000 r-xp 00200000 fe:00 123   /opt/node
02600000-02700000 rw-p 02200000 fe:00 123   /opt/node
7f0000000000-7f0000100000 r-xp 00000000 fe:00 456   /lib/libc.so.6
7f0000200000-7f0000300000 r-xp 00000000 00:00 0
`;

test('codeMappings() takes the executable parts of one file, and nothing that could have been written to', () => {
  assert.deepEqual(codeMappings(MAPS, '/opt/node'), [{ start: 0x600000n, length: 0x2000000n }]);
  assert.deepEqual(codeMappings(MAPS, '/opt/other'), []);
});

test('trimMemory() leaves a process that works', async () => {
  await trimMemory();
  assert.deepEqual(JSON.parse('{"still":"here"}'), { still: 'here' });
});
