import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseGitAddress } from '#spec/dockerfile/git-address';
import { DiskWatch } from './disk-watch.ts';
import { gitProblem, mayBeFoundOtherwise } from './git-problem.ts';
import { submoduleAddress, submoduleUrls } from './git-submodules.ts';
import { plainFolder } from './plain-folder.ts';

const BASE = parseGitAddress('https://u:p@host/team/app.git');
const COMMIT = 'a'.repeat(40);

test('addresses of submodules', () => {
  for (const [url, remote] of [
    ['../lib.git', 'https://u:p@host/team/lib.git'],
    ['../../other/lib', 'https://u:p@host/other/lib'],
    ['./inner.git', 'https://u:p@host/team/app.git/inner.git'],
    ['https://elsewhere/x', 'https://elsewhere/x'],
    ['https://elsewhere/x.git?a=b#c', 'https://elsewhere/x.git'],
  ] as const) {
    assert.equal(submoduleAddress(BASE, 'sub', url, COMMIT).remote, remote, url);
  }
  for (const url of [
    undefined,
    'http://host/x.git',
    'git@host:x.git',
    'file:///x.git',
    '/x',
    'ext::x',
    '-x',
    '..x',
  ])
    assert.throws(() => submoduleAddress(BASE, 'sub', url, COMMIT), { kind: 'invalid' }, String(url));
});

test('.gitmodules as git lists it', () => {
  const list =
    'submodule.a b.path\nlib/a\0submodule.a b.url\n../a.git\0submodule.x.path\nlib/x/\0core.x\ny\0submodule.y.url\nz\0';
  assert.deepEqual([...submoduleUrls(list)], [['lib/a', '../a.git']]);
});

test('complaints of git in words', () => {
  for (const [complaint, kind, message] of [
    ["fatal: couldn't find remote ref nosuch", 'invalid', /no branch, tag or commit "HEAD"/],
    [
      "fatal: could not read Username for 'https://host': terminal prompts disabled",
      'invalid',
      /wants credentials/,
    ],
    [
      "fatal: repository 'https://host/x.git/' not found",
      'invalid',
      /there is no git repository at https:\/\/\*\*\*@host/,
    ],
    ["fatal: unable to access 'https://host/': Could not resolve host: host", 'unavailable', /cannot reach/],
    [
      'error: object 1: gitmodulesUrl: disallowed submodule url\nfatal: fsck error in packed object',
      'invalid',
      /fsck error/,
    ],
    ['', 'invalid', /git said nothing/],
  ] as const) {
    const problem = gitProblem(BASE, complaint);
    assert.equal(problem.kind, kind, complaint);
    assert.match(problem.message, message);
  }
  assert.ok(mayBeFoundOtherwise('fatal: dumb http transport does not support shallow capabilities'));
  assert.ok(!mayBeFoundOtherwise('fatal: Could not resolve host'));
});

test('plainFolder() takes folders, and no link on the way', async () => {
  const root = mkdtempSync(join(tmpdir(), 'quai-plain-'));
  try {
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'file'), '');
    symlinkSync('a', join(root, 'link'));
    assert.equal(await plainFolder(root, './a//b/'), join(root, 'a/b'));
    assert.equal(await plainFolder(root, ''), root);
    for (const path of ['..', 'a/..', 'link', 'link/b', 'file', 'file/x', 'none'])
      await assert.rejects(plainFolder(root, path), { kind: 'invalid' }, path);
  } finally {
    rmSync(root, { recursive: true });
  }
});

const LIMITS = {
  maxBytes: 10,
  maxFiles: 3,
  freeBytes: 0,
  everyMs: 1,
  usage: async () => ({ sizeBytes: 10, allocatedBytes: 4096, inodes: 3 }),
};

test('DiskWatch adds up at the end', async () => {
  using fine = new DiskWatch(tmpdir(), LIMITS);
  await fine.verify();
  for (const [usage, message] of [
    [{ sizeBytes: 11, allocatedBytes: 0, inodes: 1 }, 'it has more than 10 bytes'],
    [{ sizeBytes: 1, allocatedBytes: 0, inodes: 4 }, 'it has more than 3 files'],
  ] as const) {
    using watch = new DiskWatch(tmpdir(), { ...LIMITS, usage: async () => usage });
    await assert.rejects(watch.verify(), { kind: 'invalid', message });
    assert.ok(watch.signal.aborted);
  }
});

test('DiskWatch is aborted when there is no room', async () => {
  using watch = new DiskWatch(tmpdir(), { ...LIMITS, freeBytes: 1e18 });
  if (!watch.signal.aborted) await new Promise(resolve => watch.signal.addEventListener('abort', resolve));
  await assert.rejects(watch.verify(), { kind: 'unavailable', message: 'no space left on device' });
});
