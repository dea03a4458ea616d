import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { type ExitFile, ExitFiles } from './exit-files.ts';

function temporaryExits() {
  const path = mkdtempSync(join(tmpdir(), 'quai-exits-'));
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text);
  return {
    path,
    write,
    exits: new ExitFiles(path, silentLogger),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

test('watch() reports what is there, and what comes, once', async () => {
  using folder = temporaryExits();
  folder.write('first', '3');
  utimesSync(join(folder.path, 'first'), 1_700_000_000, 1_700_000_000.25);
  const seen: ExitFile[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = folder.exits.watch(exit => {
    seen.push(exit);
    if (seen.length === 2) resolve();
  });
  assert.deepEqual(seen, [{ id: 'first', code: 3, exitedAt: 1_700_000_000_250 }]);
  folder.write('second.A1b2C3', '137');
  folder.exits.check('second.A1b2C3');
  renameSync(join(folder.path, 'second.A1b2C3'), join(folder.path, 'second'));
  folder.exits.check('second');
  folder.exits.check('second');
  await promise;
  assert.deepEqual(
    seen.map(({ id, code }) => [id, code]),
    [
      ['first', 3],
      ['second', 137],
    ],
  );
});

test('a removed file can come again, and a silenced one is not reported', () => {
  using folder = temporaryExits();
  const seen: number[] = [];
  using _watch = folder.exits.watch(({ code }) => seen.push(code));
  folder.exits.silence('quiet');
  folder.exits.write('quiet', 1);
  folder.exits.check('quiet');
  for (const code of [2, 3]) {
    folder.exits.write('again', code);
    folder.exits.check('again');
    folder.exits.remove('again');
  }
  assert.deepEqual(seen, [2, 3]);
});

test('a code that conmon does not know is 255', () => {
  using folder = temporaryExits();
  folder.write('lost', '-1');
  folder.write('empty', '');
  assert.equal(folder.exits.find('lost')?.code, 255);
  assert.equal(folder.exits.find('empty')?.code, 255);
  assert.equal(folder.exits.find('none'), undefined);
});
