import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { hostState, leaksNaming, leaksSince } from './leak-check.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root to leave something behind';

/** Part of every name here that has no folder in it; short, as names of links are. */
const MARK = `qleak${process.pid}`;

/** Leaves something behind, returns how to take it away. */
const leaks: Readonly<Record<string, (folder: string) => Promise<() => void> | (() => void)>> = {
  mount(folder) {
    execFileSync('mount', ['-t', 'tmpfs', 'none', folder]);
    return () => execFileSync('umount', [folder]);
  },
  link() {
    execFileSync('ip', ['link', 'add', MARK, 'type', 'bridge']);
    return () => execFileSync('ip', ['link', 'del', MARK]);
  },
  'nft table'() {
    execFileSync('nft', ['add', 'table', 'inet', MARK]);
    return () => execFileSync('nft', ['delete', 'table', 'inet', MARK]);
  },
  async process(folder) {
    const child = spawn('sh', ['-c', 'read x', 'sh', folder], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    return () => child.kill();
  },
  async socket(folder) {
    const server = createServer().listen(`${folder}/q.sock`);
    await once(server, 'listening');
    return () => server.close();
  },
  'network name space'() {
    execFileSync('ip', ['netns', 'add', MARK]);
    return () => execFileSync('ip', ['netns', 'del', MARK]);
  },
};

for (const [kind, leave] of Object.entries(leaks)) {
  test(`leaksSince() names a ${kind} that was left behind, and is happy once it is gone`, {
    skip,
  }, async () => {
    const folder = mkdtempSync(`${tmpdir()}/quai-test-`);
    const before = hostState();
    const takeAway = await leave(folder);
    try {
      const found = await leaksSince(before, 0);
      const isOurs = (leak: string): boolean => leak.includes(folder) || leak.includes(MARK);
      const ours = found.filter(leak => leak.startsWith(`${kind}: `) && isOurs(leak));
      assert.equal(ours.length, 1, `found ${JSON.stringify(found)}`);
    } finally {
      takeAway();
    }
    assert.deepEqual(await leaksNaming([folder, MARK]), []);
    rmSync(folder, { recursive: true });
  });
}

test('leaksNaming() finds only what names the words', { skip }, async () => {
  const folder = mkdtempSync(`${tmpdir()}/quai-test-`);
  execFileSync('mount', ['-t', 'tmpfs', 'none', folder]);
  try {
    assert.deepEqual(await leaksNaming([folder], 0), [`mount: ${folder} (tmpfs)`]);
    assert.deepEqual(await leaksNaming([`${folder}-other`], 0), []);
  } finally {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  }
});
