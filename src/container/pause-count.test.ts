import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PauseCount } from './pause-count.ts';

function setUp() {
  const log: string[] = [];
  const note =
    (what: string, result = true) =>
    async () => {
      log.push(what);
      await new Promise(setImmediate);
      return result;
    };
  return {
    log,
    count: new PauseCount(),
    pause: note('pause'),
    unpause: async () => void (await note('unpause')()),
    nothing: note('nothing', false),
  };
}

describe('PauseCount', () => {
  test('the first pauses, the last lets go on, also when they come at once', async () => {
    const { log, count, pause, unpause } = setUp();
    assert.deepEqual(await Promise.all([count.hold('a', pause), count.hold('a', pause)]), [true, true]);
    assert.deepEqual(log, ['pause']);
    await count.release('a', unpause);
    assert.deepEqual(log, ['pause']);
    await Promise.all([count.release('a', unpause), count.hold('a', pause)]);
    assert.deepEqual(log, ['pause', 'unpause', 'pause']);
  });

  test('what needs no pausing is not held', async () => {
    const { log, count, nothing, pause, unpause } = setUp();
    assert.equal(await count.hold('a', nothing), false);
    assert.equal(await count.hold('a', pause), true);
    await count.release('a', unpause);
    assert.deepEqual(log, ['nothing', 'pause', 'unpause']);
  });

  test('what cannot be paused is told, and the next tries again', async () => {
    const { log, count, pause } = setUp();
    await assert.rejects(count.hold('a', () => Promise.reject(new Error('frozen solid'))));
    assert.equal(await count.hold('a', pause), true);
    assert.deepEqual(log, ['pause']);
  });
});
