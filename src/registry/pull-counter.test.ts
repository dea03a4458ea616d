import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import { silentLogger } from '#base/logger';
import { Database } from '#store/database';
import { ManifestTable } from './manifest-table.ts';
import { PullCounter } from './pull-counter.ts';
import { registryMigrations } from './registry-migrations.ts';
import { RepositoryTable } from './repository-table.ts';
import { TagTable } from './tag-table.ts';

test('a pull by digest, as most clients do it after a look at the tag, is one of every tag on it', () => {
  using db = new Database(':memory:');
  db.migrate(registryMigrations, silentLogger);
  const repositories = new RepositoryTable(db);
  const manifests = new ManifestTable(db);
  const tags = new TagTable(db);
  const { id: repository } = repositories.ensure('team/web', 1);
  const rest = { mediaType: 'x', artifactType: '', sizeBytes: 1, platforms: [], references: [] };
  for (const [text, names] of [
    ['one', ['1.0', 'latest']],
    ['two', ['2.0', '2.1']],
  ] as const) {
    const body = Buffer.from(text);
    const digest = digestOf(body);
    manifests.add({ ...rest, repository, digest, subject: undefined, annotations: {}, body }, 1);
    for (const tag of names) tags.set(repository, tag, { digest, now: 1, account: undefined });
  }
  using counter = new PullCounter({ db, repositories, tags, logger: silentLogger, now: () => 7 });

  counter.count('team/web', { digest: digestOf(Buffer.from('one')) });
  counter.count('team/web', { tag: '2.0' });
  counter.flush();
  assert.deepEqual(Object.fromEntries(tags.list(repository).map(({ tag, pulledAt }) => [tag, pulledAt])), {
    '1.0': 7,
    latest: 7,
    '2.0': 7,
    '2.1': undefined,
  });
});
