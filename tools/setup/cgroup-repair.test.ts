import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllersLeftInV2, parseCgroupMounts } from './cgroup-repair.ts';

const V1_CPU = '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu';
const V2_BESIDE = '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw';
const V2_ONLY = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
const OTHER = '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755';

test('controllersLeftInV2() names what a hybrid host keeps in v2, by the path of its mount', () => {
  const mounts = parseCgroupMounts([OTHER, V1_CPU, V2_BESIDE, ''].join('\n'));
  const controllers = (path: string): string[] =>
    path === '/sys/fs/cgroup/unified' ? ['hugetlb', 'misc'] : [];

  assert.deepEqual(mounts, [
    { path: '/sys/fs/cgroup/cpu', type: 'cgroup' },
    { path: '/sys/fs/cgroup/unified', type: 'cgroup2' },
  ]);
  assert.deepEqual(controllersLeftInV2(mounts, controllers), ['hugetlb', 'misc']);
});

test('controllersLeftInV2() leaves pure v1 and pure v2 alone', () => {
  const all = (): string[] => ['cpu', 'memory'];
  assert.deepEqual(controllersLeftInV2(parseCgroupMounts(V2_ONLY), all), []);
  assert.deepEqual(controllersLeftInV2(parseCgroupMounts(V1_CPU), all), []);
  assert.deepEqual(controllersLeftInV2([], all), []);
});
