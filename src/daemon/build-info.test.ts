import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkedOutCommit, ENGINE_BUILD } from './build-info.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quai-build-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function commitIn(folder: string): string | undefined {
  return checkedOutCommit(pathToFileURL(`${folder}/`));
}

test('checkedOutCommit() reads the branch that is checked out, as a file or packed, and a bare commit', t => {
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'HEAD'), 'ref: refs/heads/main\n');
  writeFileSync(join(folder, 'packed-refs'), `# pack-refs with: peeled\n${COMMIT} refs/heads/main\n`);
  assert.equal(commitIn(folder), '0123456789ab');

  mkdirSync(join(folder, 'refs/heads'), { recursive: true });
  writeFileSync(join(folder, 'refs/heads/main'), `f${COMMIT.slice(1)}\n`);
  assert.equal(commitIn(folder), 'f123456789ab');

  writeFileSync(join(folder, 'HEAD'), `${COMMIT}\n`);
  assert.equal(commitIn(folder), '0123456789ab');
});

test('checkedOutCommit() finds nothing where there is no checkout, or something else', t => {
  const folder = tempFolder(t);
  assert.equal(commitIn(folder), undefined);
  writeFileSync(join(folder, 'HEAD'), 'ref: refs/heads/../../../etc/passwd\n');
  assert.equal(commitIn(folder), undefined);
});

test('a build says when it was made', () => {
  assert.ok(Date.parse(ENGINE_BUILD.buildTime) > Date.parse('2026-01-01'), ENGINE_BUILD.buildTime);
});
