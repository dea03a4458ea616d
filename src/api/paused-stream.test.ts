import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { EngineError } from '#base/errors';
import { pausedStream } from './paused-stream.ts';

function pausing() {
  const log: string[] = [];
  return {
    log,
    whilePaused: async (work: () => Promise<void>) => {
      log.push('paused');
      try {
        await work();
      } finally {
        log.push('goes on');
      }
    },
  };
}

describe('pausedStream()', () => {
  test('containers go on when all has been read, before the end is told', async () => {
    const { log, whilePaused } = pausing();
    const stream = await pausedStream(whilePaused, async () =>
      Readable.from([Buffer.from('a'), Buffer.from('b')]),
    );
    const read: string[] = [];
    for await (const chunk of stream) {
      assert.deepEqual(log, ['paused']);
      read.push(chunk.toString());
    }
    assert.deepEqual(
      [read, log],
      [
        ['a', 'b'],
        ['paused', 'goes on'],
      ],
    );
  });

  test('and when the reader leaves in the middle, or what is read fails', async () => {
    const left = pausing();
    for await (const _ of await pausedStream(left.whilePaused, async () =>
      Readable.from([Buffer.alloc(1), Buffer.alloc(1)]),
    ))
      break;
    assert.deepEqual(left.log, ['paused', 'goes on']);

    const failed = pausing();
    const broken = new Readable({ read: () => void broken.destroy(new Error('torn')) });
    const stream = await pausedStream(failed.whilePaused, async () => broken);
    await assert.rejects(stream.next(), { message: 'torn' });
    assert.deepEqual(failed.log, ['paused', 'goes on']);
  });

  test('what cannot be opened is told at once', async () => {
    const { log, whilePaused } = pausing();
    const open = () => Promise.reject(new EngineError('notFound', 'get x: no such volume'));
    await assert.rejects(pausedStream(whilePaused, open), { kind: 'notFound' });
    assert.deepEqual(log, ['paused', 'goes on']);
  });

  test('nor does one that takes a little now and then', async t => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
    const { log, whilePaused } = pausing();
    const source = new Readable({ read: () => undefined });
    const stream = await pausedStream(whilePaused, async () => source, { stallMs: 10_000 });
    const take = async (bytes: number) => {
      source.push(Buffer.alloc(bytes));
      assert.equal((await stream.next()).value?.length, bytes);
    };
    await take(20 * 1024 * 1024); // good for another 20 s
    for (let second = 0; second < 29; second += 1) {
      t.mock.timers.tick(1000);
      await take(1);
    }
    assert.deepEqual(log, ['paused']);
    t.mock.timers.tick(1001);
    await assert.rejects(stream.next(), { kind: 'deadline', message: /read too slowly/ });
    assert.deepEqual(log, ['paused', 'goes on']);
  });

  test('a reader that takes nothing does not keep them paused', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { log, whilePaused } = pausing();
    const source = new Readable({ read: () => undefined });
    const stream = await pausedStream(whilePaused, async () => source, { stallMs: 1000 });
    t.mock.timers.tick(1001);
    await assert.rejects(stream.next(), { kind: 'deadline', message: /nothing was read for 1 s/ });
    assert.deepEqual(log, ['paused', 'goes on']);
  });
});
