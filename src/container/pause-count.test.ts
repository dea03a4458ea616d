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
    const { log, count, pause, unpause, nothing } = setUp();
    assert.deepEqual(await Promise.all([count.hold('a', pause), count.hold('a', nothing)]), [true, true]);
    assert.deepEqual(log, ['pause', 'nothing']);
    await count.release('a', unpause);
    assert.deepEqual(log, ['pause', 'nothing']);
    await Promise.all([count.release('a', unpause), count.hold('a', pause)]);
    assert.deepEqual(log, ['pause', 'nothing', 'unpause', 'pause']);
  });

  test('one that was started anew while it was held is paused for the next, too', async () => {
    const { log, count, pause, unpause } = setUp();
    await count.hold('a', pause);
    await count.hold('a', pause);
    assert.deepEqual(log, ['pause', 'pause']);
    await count.release('a', unpause);
    await count.release('a', unpause);
    assert.deepEqual(log, ['pause', 'pause', 'unpause']);
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
