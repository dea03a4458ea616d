import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { Database } from './database.ts';

const MIGRATIONS = [{ name: 'test/1', sql: 'CREATE TABLE things (name TEXT PRIMARY KEY) STRICT' }];

function openDatabase(context: TestContext): { db: Database; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'quai-database-'));
  const path = join(folder, 'test.db');
  const db = new Database(path);
  context.after(() => {
    db[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  db.migrate(MIGRATIONS, silentLogger);
  return { db, path };
}

test('a commit can be read by the next one who opens the file, without a close', async context => {
  const { db, path } = openDatabase(context);
  db.run('INSERT INTO things VALUES (?)', 'a');
  db.transaction(() => db.run('INSERT INTO things VALUES (?)', 'b'));
  using other = new Database(path);
  other.migrate(MIGRATIONS, silentLogger); // the second time: nothing to do
  assert.deepEqual(
    other.all('SELECT name FROM things ORDER BY name').map(row => row['name']),
    ['a', 'b'],
  );
  await db.synced();
});

test('transaction() takes everything back when the work throws', context => {
  const { db } = openDatabase(context);
  assert.throws(() =>
    db.transaction(() => {
      db.run('INSERT INTO things VALUES (?)', 'a');
      db.transaction(() => db.run('INSERT INTO things VALUES (?)', 'b'));
      throw new Error('stop');
    }),
  );
  assert.deepEqual(db.all('SELECT name FROM things'), []);
});

test('synced() resolves for each of many writers', async context => {
  const { db } = openDatabase(context);
  const waits = Array.from({ length: 20 }, (_, index) => {
    db.run('INSERT INTO things VALUES (?)', String(index));
    return db.synced();
  });
  await Promise.all(waits);
  await db.synced();
  assert.equal(db.all('SELECT name FROM things').length, 20);
});

test('nobody else may read the database, also one that an earlier version let them', context => {
  const { db, path } = openDatabase(context);
  db.run('INSERT INTO things VALUES (?)', 'secret');
  const modes = (): number[] => ['', '-wal', '-shm'].map(end => statSync(path + end).mode & 0o777);
  assert.deepEqual(modes(), [0o600, 0o600, 0o600]);
  for (const end of ['', '-wal', '-shm']) chmodSync(path + end, 0o644);
  using _other = new Database(path);
  assert.deepEqual(modes(), [0o600, 0o600, 0o600]);
});
