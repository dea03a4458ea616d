import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RegistryEvent, RepositoryCatalog } from './repository-catalog.ts';

/** A catalog with what clients do to the registry below it. */
export interface CatalogUnderTest extends AsyncDisposable {
  readonly catalog: RepositoryCatalog;
  push(repository: string, tag: string, account?: string): void | Promise<void>;
  pull(repository: string, tag: string, account?: string): void | Promise<void>;
}

/** What every catalog does, the fake one of the hub's tests too. */
export function repositoryCatalogSuite(name: string, make: () => Promise<CatalogUnderTest>): void {
  test(`${name}: ensure() makes an empty repository once`, async () => {
    await using under = await make();
    const { catalog } = under;
    assert.equal(catalog.find('alice/app'), undefined);
    const made = catalog.ensure('alice/app');
    assert.deepEqual([made.name, made.pushedAt, made.pulls], ['alice/app', undefined, 0]);
    assert.deepEqual(catalog.ensure('alice/app'), made);
    assert.deepEqual(catalog.find('alice/app'), made);
    catalog.ensure('alice/a');
    assert.deepEqual(
      catalog.list().map(record => record.name),
      ['alice/a', 'alice/app'],
    );
    assert.deepEqual([catalog.tags('alice/app'), catalog.tags('nobody/none')], [[], []]);
  });

  test(`${name}: a push and a pull are counted and told`, async () => {
    await using under = await make();
    const { catalog } = under;
    const events: RegistryEvent[] = [];
    const leave = catalog.watch(event => events.push(event));
    await under.push('alice/app', '1.0', 'alice');
    const [tag] = catalog.tags('alice/app');
    assert.deepEqual([tag?.tag, tag?.pushedBy], ['1.0', 'alice']);
    assert.ok((catalog.find('alice/app')?.pushedAt ?? 0) > 0);
    await under.pull('alice/app', '1.0');
    assert.equal(catalog.find('alice/app')?.pulls, 1);
    leave();
    await under.push('alice/app', '1.1', 'alice');
    assert.deepEqual(
      events.map(({ type, repository, tag: told, account }) => [type, repository, told, account]),
      [
        ['push', 'alice/app', '1.0', 'alice'],
        ['pull', 'alice/app', '1.0', undefined],
      ],
    );
  });

  test(`${name}: what is removed is gone, and what is not there is not found`, async () => {
    await using under = await make();
    const { catalog } = under;
    await under.push('alice/app', 'one', 'alice');
    await under.push('alice/app', 'two', 'alice');
    catalog.removeTag('alice/app', 'one');
    assert.deepEqual(
      catalog.tags('alice/app').map(({ tag }) => tag),
      ['two'],
    );
    assert.throws(() => catalog.removeTag('alice/app', 'one'), { kind: 'notFound' });
    catalog.remove('alice/app');
    assert.equal(catalog.find('alice/app'), undefined);
    assert.throws(() => catalog.remove('alice/app'), { kind: 'notFound' });
  });
}
