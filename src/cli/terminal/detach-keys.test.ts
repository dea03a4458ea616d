import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Detached, parseDetachKeys, watchDetachKeys } from './detach-keys.ts';

test('parseDetachKeys() reads letters, control keys, and the default', () => {
  assert.deepEqual([...parseDetachKeys('')], [16, 17]);
  assert.deepEqual([...parseDetachKeys('ctrl-a,d')], [1, 100]);
  assert.deepEqual(
    [...parseDetachKeys('ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_')],
    [0, 27, 28, 29, 30, 31],
  );
});

for (const keys of ['foo', 'ctrl-', 'ctrl-1', 'ctrl-ab', 'a,']) {
  test(`parseDetachKeys() refuses ${keys}`, () => assert.throws(() => parseDetachKeys(keys), RangeError));
}

/** What passed, and whether the keys were found. */
async function watch(...chunks: string[]): Promise<[string, boolean]> {
  let passed = '';
  async function* input(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  try {
    for await (const bytes of watchDetachKeys(input(), parseDetachKeys('')))
      passed += Buffer.from(bytes).toString();
    return [passed, false];
  } catch (error) {
    assert.ok(error instanceof Detached);
    return [passed, true];
  }
}

test('watchDetachKeys() ends at the sequence, in one piece or in several', async () => {
  assert.deepEqual(await watch('ab\x10\x11cd'), ['ab', true]);
  assert.deepEqual(await watch('ab\x10', '\x11cd'), ['ab', true]);
});

test('watchDetachKeys() passes on what only began like it', async () => {
  assert.deepEqual(await watch('a\x10b'), ['a\x10b', false]);
  assert.deepEqual(await watch('a\x10', 'b'), ['a\x10b', false]);
  assert.deepEqual(await watch('\x10\x10\x11x'), ['\x10', true]);
  assert.deepEqual(await watch('a\x11'), ['a\x11', false]);
  assert.deepEqual(await watch('a\x10'), ['a\x10', false]);
});
