import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';

test('without its database, with a damaged one or one of a later version an engine does not start, and sweeps nothing', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const created = await daemon.call('POST', '/volumes/create', { Name: 'data' });
  const { Mountpoint: place } = created.body as { Mountpoint: string };
  writeFileSync(`${place}/kept`, 'kept');
  await daemon.stop();

  const database = `${daemon.root}/quai.db`;
  renameSync(database, `${daemon.folder}/aside`);
  await assert.rejects(
    daemon.start(),
    /there is no .*quai\.db, but volumes are in .*: put the database back from a copy/,
  );
  writeFileSync(database, 'no database at all'.repeat(1000));
  await assert.rejects(daemon.start(), /quai\.db is damaged \(.*\): put a copy of it back/);
  renameSync(`${daemon.folder}/aside`, database);
  const change = (sql: string): void => {
    using db = new DatabaseSync(database);
    db.exec(sql);
  };
  change("INSERT INTO migrations (name, applied_at) VALUES ('container/99-of-tomorrow', 0)");
  await assert.rejects(daemon.start(), /was made by a newer version \(it has container\/99-of-tomorrow\)/);
  change("DELETE FROM migrations WHERE name = 'container/99-of-tomorrow'");

  await daemon.start();
  assert.equal((await daemon.call('GET', '/volumes/data')).status, 200);
  assert.equal(readFileSync(`${place}/kept`, 'utf8'), 'kept');
  assert.equal((await daemon.call('GET', '/images/busybox/json')).status, 200);
});
