import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateLinks } from './late-links.ts';

test('LateLinks deletes what was added after a moment, or when it is told to, and each once', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const deleted: (readonly string[])[] = [];
  const links = new LateLinks(
    error => assert.fail(String(error)),
    async names => void deleted.push(names),
  );
  links.add(['a']);
  links.add(['b']);
  t.mock.timers.tick(5_000);
  links.add(['c']);
  await links.settle();
  t.mock.timers.tick(5_000);
  assert.deepEqual(deleted, [['a', 'b'], ['c']]);
});

test('LateLinks tells of a failure, and goes on', async () => {
  const failures: unknown[] = [];
  const links = new LateLinks(
    error => failures.push(error),
    () => Promise.reject(new Error('no')),
  );
  links.add(['a']);
  await links.settle();
  assert.equal(failures.length, 1);
});
