import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import { silentLogger } from '#base/logger';
import type { RawRequest } from '#http/route';
import { Database, type Parameter, type Row } from '#store/database';
import { ListHandlers } from './list-handlers.ts';
import { ManifestTable } from './manifest-table.ts';
import { openAccess } from './open-access.ts';
import { registryMigrations } from './registry-migrations.ts';
import { RepositoryTable } from './repository-table.ts';
import { TagTable } from './tag-table.ts';

/** Knows how much text was fetched. */
class CountingDatabase extends Database {
  fetched = 0;

  override all(sql: string, ...parameters: readonly Parameter[]): Row[] {
    const rows = super.all(sql, ...parameters);
    for (const row of rows) this.#count(row);
    return rows;
  }

  override get(sql: string, ...parameters: readonly Parameter[]): Row | undefined {
    const row = super.get(sql, ...parameters);
    if (row) this.#count(row);
    return row;
  }

  #count(row: Row): void {
    for (const value of Object.values(row)) if (typeof value === 'string') this.fetched += value.length;
  }
}

test('referrers(): what does not fit into the answer is not fetched, so that many large ones are not in memory at once', () => {
  using db = new CountingDatabase(':memory:');
  db.migrate(registryMigrations, silentLogger);
  const tables = {
    repositories: new RepositoryTable(db),
    manifests: new ManifestTable(db),
    tags: new TagTable(db),
  };
  const subject = digestOf(Buffer.from('subject'));
  const { id: repository } = tables.repositories.ensure('ma/ny', 1);
  const rest = { mediaType: 'x', artifactType: 'a', sizeBytes: 1, platforms: [], references: [] };
  for (let count = 0; count < 30; count += 1) {
    const body = Buffer.from(String(count));
    const annotations = { note: 'x'.repeat(1_000_000) };
    tables.manifests.add({ ...rest, repository, digest: digestOf(body), subject, annotations, body }, 1);
  }
  db.fetched = 0;
  const request = { query: {} } as unknown as RawRequest; // all that is looked at
  const lists = new ListHandlers({ ...tables, access: openAccess });
  const { body, headers } = lists.referrers({ request, repository: 'ma/ny', caller: {} }, subject);

  assert.equal((JSON.parse(String(body)) as { manifests: object[] }).manifests.length, 3);
  assert.match(String(headers['Link']), /rel="next"/);
  assert.ok(db.fetched < 4_000_000, `${db.fetched} bytes were fetched`);
});

test('catalog(): others are served while a long list of what the caller may not see is gone through', async () => {
  using db = new Database(':memory:');
  db.migrate(registryMigrations, silentLogger);
  const tables = {
    repositories: new RepositoryTable(db),
    manifests: new ManifestTable(db),
    tags: new TagTable(db),
  };
  db.transaction(() => {
    for (let count = 0; count < 1000; count += 1) tables.repositories.ensure(`hidden/r${count}`, 1);
  });
  let looked = 0;
  const maySee = (): boolean => {
    looked += 1;
    return false;
  };
  const lists = new ListHandlers({ ...tables, access: { ...openAccess, maySee } });
  const { signal } = new AbortController();
  const request = { query: { n: ['1'] }, headers: {}, signal } as unknown as RawRequest; // all that is looked at
  const answer = lists.catalog(request);
  const meanwhile = new Promise<number>(resolve => setImmediate(() => resolve(looked)));

  assert.ok((await meanwhile) < 1000, 'nobody else had a turn');
  assert.deepEqual(JSON.parse(String((await answer).body)), { repositories: [] });
  assert.equal(looked, 1000);
});
