import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { cgroupDirectories, cgroupDirectory, detectCgroups } from './cgroup.ts';
import { cgroupPids, isFrozen, setFrozen } from './cgroup-control.ts';
import { readCgroupStats, readOomKills } from './cgroup-stats.ts';

test('detectCgroups() understands a pure v2 host', () => {
  using host = unifiedHost();
  const support = detectCgroups(host.sources);

  assert.equal(support.version, 2);
  assert.equal(support.isHybrid, false);
  assert.equal(support.cpus, '0-3');
  assert.equal(support.hasSwapLimit, true);
  assert.equal(support.hasOomKillDisable, false);
  assert.equal(support.hasBlkioWeight, false, 'neither io.weight nor io.bfq.weight is there');
  assert.deepEqual(cgroupDirectories(support, '/quai/c'), [join(host.root, 'cgroup/quai/c')]);
});

test('detectCgroups() understands v1, and v2 beside it', () => {
  using host = legacyHost();
  const support = detectCgroups(host.sources);

  assert.equal(support.version, 1);
  assert.equal(support.isHybrid, true, 'hugetlb is left in v2');
  assert.equal(support.hasSwapLimit, false);
  assert.equal(support.hasMemoryReservation, true);
  assert.equal(cgroupDirectory(support, 'quai/c', 'cpuacct'), join(host.root, 'cgroup/cpu,cpuacct/quai/c'));
  assert.equal(cgroupDirectory(support, 'quai/c', 'rdma'), undefined);
});

test('detectCgroups() keeps to the mounts of the host when a chroot has copies of them', () => {
  using host = legacyHost();
  const path = join(host.sources.proc, 'self/mountinfo');
  const own = readFileSync(path, 'utf8');
  writeFileSync(path, own + own.replaceAll(`${host.root}/cgroup/`, `${host.root}/chroot/sys/fs/cgroup/`));
  const support = detectCgroups(host.sources);

  for (const directory of cgroupDirectories(support, 'quai/c')) assert.doesNotMatch(directory, /chroot/);
  assert.equal(cgroupDirectory(support, 'quai/c', 'memory'), join(host.root, 'cgroup/memory/quai/c'));
});

test('the root group is nobody’s container', () => {
  using host = unifiedHost();
  const support = detectCgroups(host.sources);
  for (const path of ['', '/', '//', '/..', '/a/../..', '.']) {
    assert.throws(() => cgroupDirectories(support, path), RangeError, path);
  }
});

test('readCgroupStats() reads v2', async () => {
  using host = unifiedHost({
    'cgroup/q/c/cpu.stat':
      'usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9\n',
    'cgroup/q/c/memory.current': '4096\n',
    'cgroup/q/c/memory.peak': '8192\n',
    'cgroup/q/c/memory.max': 'max\n',
    'cgroup/q/c/memory.stat': 'anon 100\ninactive_file 200\n',
    'cgroup/q/c/memory.events': 'max 4\noom 2\noom_kill 1\n',
    'cgroup/q/c/pids.current': '3\n',
    'cgroup/q/c/pids.max': '50\n',
    'cgroup/q/c/io.stat': '8:16 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n',
  });
  const support = detectCgroups(host.sources);
  const stats = await readCgroupStats(support, '/q/c');

  assert.equal(stats.cpu?.usageNanos, 5000);
  assert.equal(stats.cpu?.throttledNanos, 9000);
  assert.deepEqual(stats.memory, {
    usageBytes: 4096,
    maxUsageBytes: 8192,
    failCount: 4,
    stats: { anon: 100, inactive_file: 200 },
  });
  assert.deepEqual(stats.pids, { current: 3, limit: 50 });
  assert.deepEqual(stats.io?.bytes[1], { major: 8, minor: 16, operation: 'write', value: 20 });
  assert.equal(stats.io?.operations.length, 3);
  assert.equal(await readOomKills(support, '/q/c'), 1);
});

test('readCgroupStats() reads v1', async () => {
  using host = legacyHost({
    'cgroup/cpu,cpuacct/q/c/cpuacct.usage': '5000\n',
    'cgroup/cpu,cpuacct/q/c/cpuacct.usage_percpu': '2000 3000 \n',
    'cgroup/cpu,cpuacct/q/c/cpuacct.stat': 'user 3\nsystem 2\n',
    'cgroup/cpu,cpuacct/q/c/cpu.stat': 'nr_periods 7\nnr_throttled 1\nthrottled_time 9\n',
    'cgroup/memory/q/c/memory.usage_in_bytes': '4096\n',
    'cgroup/memory/q/c/memory.limit_in_bytes': '9223372036854771712\n',
    'cgroup/memory/q/c/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
    'cgroup/blkio/q/c/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\nTotal 30\n',
  });
  const support = detectCgroups(host.sources);
  const stats = await readCgroupStats(support, '/q/c');

  assert.deepEqual(stats.cpu?.perCpuNanos, [2000, 3000]);
  assert.equal(stats.cpu?.userNanos, 30_000_000);
  assert.equal(stats.memory?.limitBytes, undefined, 'the largest number means no limit');
  assert.deepEqual(stats.io?.bytes, [
    { major: 8, minor: 0, operation: 'read', value: 10 },
    { major: 8, minor: 0, operation: 'write', value: 20 },
  ]);
  assert.equal(stats.pids, undefined, 'the host has no pids controller');
  assert.equal(await readOomKills(support, '/q/c'), 3);
});

test('readCgroupStats() of a group that is gone is empty of counters', async () => {
  using host = unifiedHost();
  const stats = await readCgroupStats(detectCgroups(host.sources), '/gone');
  assert.deepEqual(stats, { io: { bytes: [], operations: [] } });
});

test('cgroupPids() finds processes in groups below, once', () => {
  using host = unifiedHost({
    'cgroup/q/c/cgroup.procs': '10\n11\n',
    'cgroup/q/c/sub/cgroup.procs': '12\n11\n',
  });
  assert.deepEqual(cgroupPids(detectCgroups(host.sources), '/q/c'), [10, 11, 12]);
  assert.deepEqual(cgroupPids(detectCgroups(host.sources), '/q/none'), []);
});

test('setFrozen() writes what the version understands', () => {
  using unified = unifiedHost({ 'cgroup/q/c/cgroup.freeze': '0' });
  assert.equal(setFrozen(detectCgroups(unified.sources), '/q/c', true), true);
  assert.equal(readFileSync(join(unified.root, 'cgroup/q/c/cgroup.freeze'), 'utf8'), '1');
  assert.equal(setFrozen(detectCgroups(unified.sources), '/q/gone', true), false);
  assert.ok(!existsSync(join(unified.root, 'cgroup/q/gone')));
});

test('isFrozen() is what the kernel says, and true of what is gone', () => {
  using unified = unifiedHost({
    'cgroup/q/a/cgroup.events': 'populated 1\nfrozen 0\n',
    'cgroup/q/b/cgroup.events': 'populated 1\nfrozen 1\n',
  });
  const support = detectCgroups(unified.sources);
  assert.deepEqual(
    ['/q/a', '/q/b', '/q/gone'].map(path => isFrozen(support, path)),
    [false, true, true],
  );
});

function unifiedHost(files: Record<string, string> = {}) {
  return fakeHost(
    {
      'cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids\n',
      'cgroup/cpuset.cpus.effective': '0-3\n',
      'cgroup/cpuset.mems.effective': '0\n',
      'cgroup/system.slice/quai.service/memory.swap.max': 'max\n',
      'proc/self/cgroup': '0::/system.slice/quai.service\n',
      ...files,
    },
    root => `30 23 0:26 / ${root}/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n`,
  );
}

function legacyHost(files: Record<string, string> = {}) {
  const mount = (root: string, name: string, options: string): string =>
    `30 23 0:26 / ${root}/cgroup/${name} rw shared:9 - cgroup cgroup rw,${options}\n`;
  return fakeHost(
    {
      'cgroup/unified/cgroup.controllers': 'hugetlb\n',
      'cgroup/memory/memory.soft_limit_in_bytes': '0',
      'cgroup/cpuset/cpuset.cpus': '0\n',
      'cgroup/cpuset/cpuset.mems': '0\n',
      'proc/self/cgroup': '1:cpu:/\n0::/\n',
      ...files,
    },
    root =>
      mount(root, 'memory', 'memory') +
      mount(root, 'cpu,cpuacct', 'cpu,cpuacct') +
      mount(root, 'cpuset', 'cpuset') +
      mount(root, 'blkio', 'blkio') +
      mount(root, 'systemd', 'xattr,name=systemd') +
      `40 23 0:27 / ${root}/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
  );
}

function fakeHost(files: Record<string, string>, mountinfo: (root: string) => string) {
  const root = mkdtempSync(join(tmpdir(), 'quai-cgroup-'));
  for (const [name, text] of Object.entries({ ...files, 'proc/self/mountinfo': mountinfo(root) })) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return {
    root,
    sources: { proc: join(root, 'proc') },
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}
