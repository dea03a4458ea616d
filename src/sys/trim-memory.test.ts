import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trimMemory, untouchedMappings } from './trim-memory.ts';

/** As proc_pid_smaps(5) has it, with some of its lines. */
function mapping(line: string, ownKilobytes: number): string {
  return `${line}
Size:               4280 kB
Pss:                 124 kB
Anonymous:         ${String(ownKilobytes).padStart(5)} kB
VmFlags: rd ex mr mw me sd
`;
}

const SMAPS = [
  mapping('00400000-00600000 r--p 00000000 fe:00 123   /opt/node', 0),
  mapping('00600000-02600000 r-xp 00200000 fe:00 123   /opt/node', 0),
  mapping('02600000-02610000 r--p 02200000 fe:00 123   /opt/node', 64), // relocated, then closed
  mapping('02610000-02700000 rw-p 02210000 fe:00 123   /opt/node', 0),
  mapping('7f0000000000-7f0000100000 r-xp 00000000 fe:00 456   /lib/libc.so.6', 0),
  mapping('7f0000200000-7f0000300000 r-xp 00000000 00:00 0', 0),
].join('');

test('untouchedMappings() takes the parts of one file that were never written to', () => {
  assert.deepEqual(untouchedMappings(SMAPS, '/opt/node'), [
    { start: 0x400000n, length: 0x200000n },
    { start: 0x600000n, length: 0x2000000n },
  ]);
  assert.deepEqual(untouchedMappings(SMAPS, '/opt/other'), []);
});

test('trimMemory() leaves a process that works', async () => {
  await trimMemory();
  assert.deepEqual(JSON.parse('{"still":"here"}'), { still: 'here' });
});
