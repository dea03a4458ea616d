import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FavoredCgroupMoves } from '#sys/favored-cgroup-moves';
import { isErrno } from '#sys/sys-error';

const skip = process.getuid?.() === 0 ? false : 'needs root';

test('moves are favored by a hierarchy that engines share and no mount shows', { skip }, t => {
  using first = new FavoredCgroupMoves();
  using second = new FavoredCgroupMoves();
  try {
    first.begin();
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error;
    t.skip('this kernel has no option favordynmods, or no hierarchies of cgroup v1');
    return;
  }
  first.begin(); // once more is nothing
  second.begin();
  const [line, ...more] = readFileSync('/proc/self/cgroup', 'utf8').match(/^\d+:name=quai:.*$/gm) ?? [];
  assert.match(line ?? '', /^\d+:name=quai:\/$/);
  assert.deepEqual(more, []);
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /name=quai/);
});
