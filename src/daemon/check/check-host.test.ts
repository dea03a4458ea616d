import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHost, findAll } from './check-host.ts';
import { type FakeHostOptions, fakeHost, GOOD_HOST } from './fake-host.ts';
import type { Finding } from './finding.ts';

async function notOk(options: FakeHostOptions): Promise<Finding[]> {
  const findings = await findAll(fakeHost({ ...GOOD_HOST, ...options }), '/var/lib/quai');
  return findings.filter(finding => finding.mark !== 'ok');
}

function without(...paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(GOOD_HOST.files).filter(([path]) => !paths.includes(path)));
}

test('checkHost() marks every line of a good machine and returns 0', async () => {
  const lines: string[] = [];
  const status = await checkHost(line => lines.push(line), { host: fakeHost(GOOD_HOST) });
  assert.equal(status, 0);
  assert.deepEqual(
    lines.filter(line => !line.startsWith('✓ ')),
    [],
  );
  assert.ok(lines.length >= 20);
  assert.ok(lines.includes('✓ crun: 1.29.1'));
});

test('checkHost() returns 1 on an empty machine, and names what is missing', async () => {
  const lines: string[] = [];
  const status = await checkHost(line => lines.push(line), { host: fakeHost({}) });
  assert.equal(status, 1);
  assert.match(
    lines.at(-1) ?? '',
    /lacks: mount name spaces, .*cgroups, overlay, bridge, veth, nftables, seccomp, crun, conmon, libnftables1, libseccomp2$/,
  );
});

test('every finding that is not ok says why it matters and how to cure it', async () => {
  const findings = await notOk({ files: {}, programs: {}, freeBytes: 1000 });
  assert.ok(findings.length >= 20);
  for (const finding of findings) {
    assert.ok(finding.why && finding.cure && finding.detail, JSON.stringify(finding));
  }
});

const cases: readonly (readonly [title: string, options: FakeHostOptions, found: readonly string[]])[] = [
  [
    'an old kernel',
    { files: { ...GOOD_HOST.files, '/proc/sys/kernel/osrelease': '5.4.0' } },
    ['warning kernel', 'warning EROFS'],
  ],
  [
    'a kernel without file-backed EROFS',
    { files: { ...GOOD_HOST.files, '/proc/sys/kernel/osrelease': '6.1.0-40-amd64' } },
    ['warning EROFS'],
  ],
  [
    'a host whose ufw is on',
    { files: { ...GOOD_HOST.files, '/etc/ufw/ufw.conf': 'ENABLED=yes\n' } },
    ['warning host firewall'],
  ],
  ['a missing PID name space', { files: without('/proc/self/ns/pid') }, ['missing PID name spaces']],
  ['missing user name spaces', { files: without('/proc/self/ns/user') }, ['warning user name spaces']],
  ['no cgroup mount', { files: without('/proc/self/mountinfo') }, ['missing cgroups']],
  [
    'no memory controller',
    { files: { ...GOOD_HOST.files, '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io pids' } },
    ['warning cgroups'],
  ],
  [
    'runc alone',
    { programs: { ...GOOD_HOST.programs, crun: { status: 127, output: '' } } },
    ['warning crun'],
  ],
  [
    'no runtime at all',
    {
      programs: {
        ...GOOD_HOST.programs,
        crun: { status: 127, output: '' },
        runc: { status: 127, output: '' },
      },
    },
    ['missing crun', 'warning runc'],
  ],
  [
    'a crun with known holes',
    { programs: { ...GOOD_HOST.programs, crun: { status: 0, output: 'crun version 1.8.1' } } },
    ['warning crun'],
  ],
  [
    'crun 1.28, the first without',
    { programs: { ...GOOD_HOST.programs, crun: { status: 0, output: 'crun version 1.28' } } },
    [],
  ],
  [
    'a runc with known holes',
    { programs: { ...GOOD_HOST.programs, runc: { status: 0, output: 'runc version 1.3.5' } } },
    ['warning runc'],
  ],
  ['a full disk', { freeBytes: 10_000_000 }, ['warning disk']],
  ['no group', { files: { ...GOOD_HOST.files, '/etc/group': 'notquai:x:1:\n' } }, ['warning socket group']],
  [
    'IPv6 switched off',
    { files: { ...GOOD_HOST.files, '/proc/sys/net/ipv6/conf/all/disable_ipv6': '1' } },
    ['warning IPv6'],
  ],
  [
    'a missing library',
    { files: without('/usr/lib/x86_64-linux-gnu/libseccomp.so.2') },
    ['missing libseccomp2'],
  ],
  [
    'trials that fail',
    { programs: { ...GOOD_HOST.programs, unshare: { status: 1, output: 'a\nOperation not supported\n' } } },
    ['missing overlay', 'missing bridge', 'missing veth', 'missing nftables'],
  ],
  [
    'a user without root',
    { isRoot: false },
    ['warning overlay', 'warning bridge', 'warning veth', 'warning nftables'],
  ],
];

for (const [title, options, found] of cases) {
  test(`findAll() on a machine with ${title}: ${found.join(', ') || 'nothing to say'}`, async () => {
    const findings = await notOk(options);
    assert.deepEqual(
      findings.map(({ mark, name }) => `${mark} ${name}`),
      found,
    );
  });
}

test('findAll() tells v1, hybrid, and hybrid with a controller that crun cannot stand apart', async () => {
  const v1 = ['blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'memory', 'pids'].map(
    name => `32 31 0:29 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`,
  );
  const beside = '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw';
  const detailOf = async (mountinfo: readonly string[], left: string): Promise<string | undefined> => {
    const files = {
      ...GOOD_HOST.files,
      '/proc/self/mountinfo': mountinfo.join('\n'),
      '/sys/fs/cgroup/unified/cgroup.controllers': left,
    };
    const findings = await findAll(fakeHost({ ...GOOD_HOST, files }), '/');
    const cgroups = findings.find(finding => finding.name === 'cgroups');
    return `${cgroups?.mark} ${cgroups?.detail}`;
  };
  const names = 'blkio cpu cpuacct cpuset devices freezer memory pids';

  assert.equal(await detailOf(v1, ''), `ok v1: ${names}`);
  assert.equal(await detailOf([...v1, beside], ''), `ok v1 with a v2 mount (hybrid): ${names}`);
  assert.equal(
    await detailOf([...v1, beside], 'hugetlb'),
    'warning v1 with a v2 mount (hybrid); hugetlb only in v2',
  );
  assert.equal(await detailOf(v1.slice(1), ''), 'warning v1, without blkio');
});
