import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RepositoryTable } from './repository-table.ts';
import { searchWords } from './search-words.ts';
import { TestHub } from './test-hub.ts';

test('searchWords() quotes what people type', () => {
  assert.equal(searchWords('web server'), '"web"* "server"*');
  assert.equal(searchWords('a" OR name:* NEAR(b) -c ^d'), '"a"* "OR"* "name"* "NEAR"* "b"* "c"* "d"*');
  assert.equal(searchWords(' \t"*\'-/ '), undefined);
  assert.equal(searchWords('x'.repeat(5000)), `"${'x'.repeat(64)}"*`);
});

test('search() puts official images first, then what has the word in its name, by stars and pulls', async () => {
  await using hub = new TestHub();
  const { admin, alice, bob } = await hub.people('alice', 'bob');
  const { repositories } = hub.services;
  repositories.create(alice, { name: 'alice/nginx-proxy', description: 'A proxy' });
  repositories.create(alice, { name: 'alice/tool', description: 'Configures Nginx, and cafés' });
  repositories.create(bob, { name: 'bob/nginx', description: 'Mine' });
  repositories.create(admin, { name: 'library/nginx', description: 'Official build of a web server' });
  repositories.create(admin, { name: 'library/httpd', description: 'Another web server, not nginx' });
  repositories.star(bob, 'alice/nginx-proxy', { isStarred: true });
  const found = (text: string, query = {}): string[] =>
    repositories.search(undefined, { text, ...query }).items.map(({ name }) => name);
  const all = ['library/nginx', 'library/httpd', 'alice/nginx-proxy', 'bob/nginx', 'alice/tool'];
  assert.deepEqual(found('nginx'), all);
  assert.deepEqual(found('NGI'), all);
  assert.deepEqual(found('bob/nginx'), ['bob/nginx']);
  assert.deepEqual(found('web server'), ['library/httpd', 'library/nginx']);
  assert.deepEqual(found('cafe'), ['alice/tool']);
  assert.deepEqual(found('nginx', { isOfficial: false, minStars: 1 }), ['alice/nginx-proxy']);
  assert.deepEqual(found('nginx', { namespace: 'bob' }), ['bob/nginx']);
  assert.deepEqual(found('', { order: 'stars', pageSize: 1 }), ['alice/nginx-proxy']);
  assert.equal(repositories.search(undefined, { text: 'nginx', pageSize: 2, page: 3 }).total, 5);
  for (const hostile of [
    '"',
    "' OR 1=1 --",
    '*',
    'name:nginx*',
    'nginx" OR "web',
    '%',
    '(',
    'NOT',
    '\u0000',
    '-',
  ]) {
    assert.doesNotThrow(() => found(hostile), hostile);
  }
  for (const none of ["' OR 1=1 --", '*', '%', '_', 'nginx" OR "zzz'])
    assert.deepEqual(found(none), [], none);
  assert.deepEqual(found('nginx', { namespace: "bob' OR '1'='1" }), []);
  repositories.update(bob, 'bob/nginx', { description: 'Renamed thing' });
  assert.deepEqual(found('renamed'), ['bob/nginx']);
  assert.deepEqual(found('mine'), []);
  repositories.remove(bob, 'bob/nginx');
  assert.deepEqual(found('renamed'), []);
});

test('search() among 10,000 repositories takes milliseconds', async () => {
  await using hub = new TestHub();
  await hub.people('alice');
  const table = new RepositoryTable(hub.db);
  hub.db.transaction(() => {
    for (let index = 0; index < 10_000; index += 1) {
      table.insert({
        name: `team${index % 100}/service-${index}`,
        namespace: `team${index % 100}`,
        description: `service number ${index} of many`,
        isPrivate: index % 3 === 0,
        createdAt: index,
      });
    }
  });
  const begun = performance.now();
  const { total } = hub.services.repositories.search(hub.services.accounts.find('alice'), {
    text: 'serv many',
  });
  const tookMs = performance.now() - begun;
  assert.equal(total, 6666);
  assert.ok(tookMs < 1000, `${tookMs} ms`);
});
