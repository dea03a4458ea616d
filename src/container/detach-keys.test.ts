import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachDetector, parseDetachKeys } from './detach-keys.ts';

test('parseDetachKeys() knows letters and control keys', () => {
  assert.deepEqual([...parseDetachKeys('')], [16, 17]);
  assert.deepEqual([...parseDetachKeys('ctrl-a,d,ctrl-@,ctrl-\\')], [1, 100, 0, 28]);
});

test('parseDetachKeys() refuses what is no key', () => {
  for (const keys of ['ctrl-', 'ctrl-1', 'escape', 'a,,b']) {
    assert.throws(() => parseDetachKeys(keys), {
      kind: 'invalid',
      message: `Invalid detach keys (${keys}) provided`,
    });
  }
});

test('DetachDetector finds the sequence across chunks and passes everything else on', () => {
  const cases: readonly [chunks: readonly string[], passed: string, isDetached: boolean][] = [
    [['abc'], 'abc', false],
    [['a\x10', '\x11rest'], 'a', true],
    [['\x10b'], '\x10b', false],
    [['\x10', '\x10', '\x11'], '\x10', true],
    [['x\x11\x10'], 'x\x11', false],
  ];
  for (const [chunks, passed, isDetached] of cases) {
    const detector = new DetachDetector(parseDetachKeys(''));
    const results = chunks.map(chunk => detector.feed(Buffer.from(chunk)));
    assert.equal(Buffer.concat(results.map(result => result.pass)).toString(), passed);
    assert.equal(results.at(-1)?.isDetached, isDetached);
  }
});
