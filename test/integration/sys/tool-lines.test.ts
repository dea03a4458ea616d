import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toolLines } from '#sys/tool-lines';

function shell(
  script: string,
  options: { timeoutMs?: number; keep?: (line: string, index: number) => boolean } = {},
) {
  return toolLines('sh', ['-c', script], {
    timeoutMs: 60_000,
    maxLineBytes: 10,
    keep: () => true,
    ...options,
  });
}

test('toolLines() keeps the lines that are wanted, cut where they are too long', async () => {
  const { lines } = await shell('echo one; echo 0123456789abc; echo; printf last', {
    keep: line => line !== 'one',
  });
  assert.deepEqual(lines, ['0123456789', '', 'last']);
});

test('toolLines() counts lines, also across pieces of output', async () => {
  const seen: number[] = [];
  const { lines } = await shell('seq 1 5000', {
    keep: (line, index) => seen.push(index) > 0 && line === '4000',
  });
  assert.deepEqual([lines, seen.length, seen.at(-1)], [['4000'], 5000, 4999]);
});

test('toolLines() tells how the program ended, and the beginning of its complaints', async () => {
  assert.deepEqual(await shell('echo out; echo no >&2; exit 3'), {
    status: 3,
    lines: ['out'],
    errors: 'no\n',
  });
  assert.equal((await shell('seq 1 100000 >&2')).errors.length, 1024);
  assert.equal((await shell('exec sleep 60', { timeoutMs: 50 })).status, -1);
  const missing = await toolLines('no-such-program', [], {
    timeoutMs: 60_000,
    maxLineBytes: 10,
    keep: () => true,
  });
  assert.deepEqual(missing, { status: 127, lines: [], errors: '' });
});
