import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OciMount } from '#spec/oci/runtime-spec';
import { type MountSettings, ociMounts, type ResolvedMount } from './mounts.ts';
import { mergeTmpfsOptions } from './tmpfs-options.ts';

const PLAIN: MountSettings = {
  mounts: [],
  tmpfs: {},
  shm: { kind: 'private', sizeBytes: 67_108_864 },
  isPrivileged: false,
  isRootReadOnly: false,
  hasRecursiveReadOnly: true,
};

test('ociMounts() makes the default mounts of Docker', () => {
  assert.deepEqual(
    ociMounts(PLAIN).mounts.map(
      ({ destination, type, options }) => `${destination} ${type} ${options.join(',')}`,
    ),
    [
      '/proc proc nosuid,noexec,nodev',
      '/dev tmpfs nosuid,strictatime,mode=755,size=65536k',
      '/dev/pts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5',
      '/sys sysfs nosuid,noexec,nodev,ro',
      '/sys/fs/cgroup cgroup ro,nosuid,noexec,nodev',
      '/dev/mqueue mqueue nosuid,noexec,nodev',
      '/dev/shm tmpfs nosuid,noexec,nodev,mode=1777,size=67108864',
    ],
  );
});

test('ociMounts() lets a privileged container write to /sys and the control groups', () => {
  const { mounts } = ociMounts({ ...PLAIN, isPrivileged: true });
  assert.ok(!at(mounts, '/sys').options.includes('ro'));
  assert.ok(!at(mounts, '/sys/fs/cgroup').options.includes('ro'));
});

test('ociMounts() orders by depth and gives way to what the user mounts', () => {
  const { mounts } = ociMounts({
    ...PLAIN,
    mounts: [bind('/sys/fs/cgroup'), bind('/a/b/c'), bind('/dev/'), bind('//a')],
    tmpfs: { '/a/b': 'size=1m' },
  });
  assert.deepEqual(
    mounts.map(({ destination }) => destination),
    ['/proc', '/sys', '/dev', '/a', '/a/b', '/sys/fs/cgroup', '/a/b/c'],
  );
});

test('ociMounts() makes binds as asked for', () => {
  const options = (
    changes: Partial<ResolvedMount>,
    settings: Partial<MountSettings> = {},
  ): readonly string[] =>
    at(ociMounts({ ...PLAIN, ...settings, mounts: [{ ...bind('/x'), ...changes }] }).mounts, '/x').options;

  assert.deepEqual(options({}), ['rbind', 'rprivate']);
  assert.deepEqual(options({ isNonRecursive: true, propagation: 'private' }), ['bind', 'private']);
  assert.deepEqual(options({ isWritable: false }), ['rbind', 'rro', 'rprivate']);
  assert.deepEqual(options({ isWritable: false }, { hasRecursiveReadOnly: false }), [
    'rbind',
    'ro',
    'rprivate',
  ]);
  assert.deepEqual(options({ isWritable: false, recursiveReadOnly: 'disabled' }), [
    'rbind',
    'ro',
    'rprivate',
  ]);
  assert.deepEqual(options({ isWritable: false, isNonRecursive: true }), ['bind', 'ro', 'rprivate']);
  assert.throws(
    () => options({ isWritable: false, recursiveReadOnly: 'force' }, { hasRecursiveReadOnly: false }),
    {
      kind: 'invalid',
    },
  );
  assert.throws(() => options({ propagation: 'some' }), {
    kind: 'invalid',
    message: /propagation mode: some$/,
  });
});

test('ociMounts() shares memory as the IPC mode says', () => {
  const shm = (kind: MountSettings['shm']): readonly string[] =>
    ociMounts({ ...PLAIN, shm: kind })
      .mounts.filter(({ destination }) => destination === '/dev/shm')
      .map(({ source, options }) => `${source} ${options.join(',')}`);

  assert.deepEqual(shm({ kind: 'none' }), []);
  assert.deepEqual(shm({ kind: 'bind', source: '/run/shm' }), ['/run/shm rbind,rprivate']);
});

test('ociMounts() with a read-only root keeps writable what must be', () => {
  const { mounts } = ociMounts({ ...PLAIN, isRootReadOnly: true, tmpfs: { '/tmp': '' } });
  for (const path of ['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/tmp']) {
    assert.ok(!at(mounts, path).options.includes('ro'), path);
  }
});

test('ociMounts() binds the init program read-only', () => {
  const { mounts } = ociMounts({ ...PLAIN, initPath: '/usr/bin/tini' });
  assert.deepEqual(at(mounts, '/sbin/docker-init'), {
    destination: '/sbin/docker-init',
    type: 'bind',
    source: '/usr/bin/tini',
    options: ['bind', 'ro'],
  });
});

test('ociMounts() refuses shared propagation from a mount that has none', () => {
  // procfs is mounted private or shared as a whole; a name below it is on the same mount
  assert.throws(
    () =>
      ociMounts({ ...PLAIN, mounts: [{ ...bind('/x'), source: '/no-such-place', propagation: 'rshared' }] }),
    error =>
      error instanceof Error &&
      /^path \/no-such-place is mounted on .* but it is not a shared mount$/.test(error.message),
  );
});

test('mergeTmpfsOptions() lets the last word win', () => {
  assert.deepEqual(mergeTmpfsOptions(['noexec', 'nosuid', 'size=1m', 'exec', 'size=2m', 'mode=700']), [
    'nosuid',
    'exec',
    'size=2m',
    'mode=700',
  ]);
  for (const wrong of ['size', 'sise=1', '=1', 'overlay']) {
    assert.throws(() => mergeTmpfsOptions([wrong]), { kind: 'invalid' }, wrong);
  }
});

function bind(destination: string): ResolvedMount {
  return { type: 'bind', source: '/src', destination, isWritable: true, propagation: '' };
}

function at(mounts: readonly OciMount[], destination: string): OciMount {
  const found = mounts.find(mount => mount.destination === destination);
  assert.ok(found, `nothing is mounted at ${destination}`);
  return found;
}
