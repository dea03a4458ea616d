import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { followWindowSize, type WindowSize, windowSize } from './window-size.ts';

test('followWindowSize() sends the size now, again after a failure, and at each change until it is disposed', async () => {
  const terminal = Object.assign(new PassThrough(), { rows: 24, columns: 80 });
  const sizes: WindowSize[] = [];
  let isFirst = true;
  const sentTwice = Promise.withResolvers<void>();
  {
    using _following = followWindowSize(terminal, async size => {
      sizes.push(size);
      if (!isFirst) return sentTwice.resolve();
      isFirst = false;
      throw new Error('not started yet');
    });
    await sentTwice.promise;
    Object.assign(terminal, { rows: 40, columns: 100 });
    terminal.emit('resize');
  }
  terminal.emit('resize');
  assert.deepEqual(sizes, [
    { h: 24, w: 80 },
    { h: 24, w: 80 },
    { h: 40, w: 100 },
  ]);
});

test('windowSize() is nothing for what has no size', () => {
  assert.equal(windowSize(new PassThrough()), undefined);
});
