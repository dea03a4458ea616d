import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuietVolumes } from './quiet-volumes.ts';

describe('QuietVolumes', () => {
  test('free() waits for every hold of every volume, and for no others', async () => {
    const quiet = new QuietVolumes();
    await quiet.free(['a', 'b']);
    const [one, two, three] = [quiet.hold('a'), quiet.hold('a'), quiet.hold('b')];
    await quiet.free(['c']);
    let isFree = false;
    const waiting = quiet.free(['a', 'b']).then(() => {
      isFree = true;
    });
    for (const hold of [one, three]) {
      hold[Symbol.dispose]();
      await new Promise(setImmediate);
      assert.equal(isFree, false);
    }
    assert.ok(quiet.isHeld(['b', 'a']));
    two[Symbol.dispose]();
    two[Symbol.dispose]();
    await waiting;
    assert.ok(!quiet.isHeld(['a', 'b']));
  });

  test('who does not want to wait any more does not', async () => {
    const quiet = new QuietVolumes();
    using _hold = quiet.hold('a');
    const gone = new AbortController();
    const waiting = quiet.free(['a'], { signal: gone.signal });
    gone.abort();
    await assert.rejects(waiting, { kind: 'cancelled' });
  });
});
