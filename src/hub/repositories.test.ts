import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Viewer } from './hub-services.ts';
import { TestHub } from './test-hub.ts';

describe('repositories', () => {
  test("are made in namespaces of one's own", async () => {
    await using hub = new TestHub();
    const { admin, alice, bob } = await hub.people('alice', 'bob');
    const { organizations, repositories } = hub.services;
    organizations.create(alice, { name: 'acme' });
    organizations.setMember(alice, 'acme', 'bob', 'member');
    assert.equal(repositories.create(alice, { name: 'alice/app', description: 'An app' }).isPrivate, false);
    repositories.create(alice, { name: 'acme/app' });
    assert.ok(repositories.create(admin, { name: 'library/nginx' }).isOfficial);
    assert.ok(hub.catalog.find('alice/app'), 'the registry has it');
    assert.deepEqual(repositories.namespaces(alice), ['alice', 'acme']);
    assert.deepEqual(repositories.namespaces(bob), ['bob']);
    assert.deepEqual(repositories.namespaces(admin), ['root-admin', 'library']);
    assert.throws(() => repositories.create(alice, { name: 'alice/app' }), { kind: 'conflict' });
    assert.throws(() => repositories.create(undefined, { name: 'alice/x' }), { kind: 'unauthorized' });
    for (const [name, reason] of [
      ['alice/x', /belongs to the account alice; push to bob\/x, or ask alice to add you as a collaborator/],
      ['acme/x', /belongs to an organization; push to bob\/x, or ask an owner of acme/],
      ['library/x', /the administrators keep the official images/],
      ['nobody/x', /no account or organization is called nobody/],
    ] as const) {
      assert.throws(() => repositories.create(bob, { name }), { kind: 'forbidden', message: reason });
    }
    assert.throws(() => repositories.create(admin, { name: 'nobody/x' }), { kind: 'forbidden' });
    for (const name of ['app', 'alice/APP', 'alice/../bob', 'alice/']) {
      assert.throws(() => repositories.create(alice, { name }), { kind: 'invalid' }, name);
    }
  });

  test('that are private are as if they were not there, for whoever has no right', async () => {
    await using hub = new TestHub();
    const { admin, alice, mallory } = await hub.people('alice', 'mallory');
    const { repositories, webhooks } = hub.services;
    repositories.create(alice, { name: 'alice/secret', description: 'hidden', isPrivate: true });
    const told = (viewer: Viewer, name: string, act: (viewer: Viewer, name: string) => unknown): string => {
      try {
        act(viewer, name);
        return 'nothing';
      } catch (error) {
        return String(error).replaceAll(name, 'NAME');
      }
    };
    const acts = [
      (viewer: Viewer, name: string) => repositories.get(viewer, name),
      (viewer: Viewer, name: string) => repositories.tags(viewer, name),
      (viewer: Viewer, name: string) => repositories.star(viewer, name, { isStarred: true }),
      (viewer: Viewer, name: string) => repositories.update(viewer, name, { description: 'x' }),
      (viewer: Viewer, name: string) => repositories.remove(viewer, name),
      (viewer: Viewer, name: string) => repositories.removeTag(viewer, name, 'latest'),
      (viewer: Viewer, name: string) => repositories.collaborators(viewer, name),
      (viewer: Viewer, name: string) => repositories.setCollaborator(viewer, name, 'mallory', 'admin'),
      (viewer: Viewer, name: string) => webhooks.list(viewer, name),
      (viewer: Viewer, name: string) =>
        webhooks.create(viewer, name, { name: 'x', url: 'https://example.com' }),
    ];
    for (const viewer of [mallory, undefined]) {
      for (const act of acts) {
        assert.equal(told(viewer, 'alice/secret', act), told(viewer, 'alice/missing', act));
        assert.notEqual(told(viewer, 'alice/secret', act), 'nothing');
      }
      for (const text of ['secret', 'hidden', 'alice', '']) {
        assert.deepEqual([repositories.search(viewer, { text }).total], [0], text);
      }
      assert.equal(repositories.search(viewer, { namespace: 'alice' }).total, 0);
      assert.equal(repositories.permission(viewer, 'alice/secret'), undefined);
    }
    for (const viewer of [alice, admin]) {
      assert.equal(repositories.get(viewer, 'alice/secret').description, 'hidden');
      assert.equal(repositories.search(viewer, { text: 'hid' }).total, 1);
    }
    repositories.update(alice, 'alice/secret', { isPrivate: false });
    assert.equal(repositories.get(undefined, 'alice/secret').isPrivate, false);
  });

  test('are shared with accounts and teams, each as far as was said', async () => {
    await using hub = new TestHub();
    const { alice, bob, carol, mallory } = await hub.people('alice', 'bob', 'carol', 'mallory');
    const { organizations, repositories } = hub.services;
    organizations.create(alice, { name: 'acme' });
    organizations.create(mallory, { name: 'evil' });
    organizations.createTeam(mallory, 'evil', { name: 'dev' });
    organizations.setTeamMembers(mallory, 'evil', 'dev', ['mallory']);
    for (const member of ['bob', 'carol']) organizations.setMember(alice, 'acme', member, 'member');
    for (const team of ['dev', 'ops']) organizations.createTeam(alice, 'acme', { name: team });
    organizations.setTeamMembers(alice, 'acme', 'dev', ['bob']);
    repositories.create(alice, { name: 'acme/app', isPrivate: true });
    assert.equal(
      repositories.permission(carol, 'acme/app'),
      undefined,
      'members see what a team of theirs may',
    );
    repositories.setCollaborator(alice, 'acme/app', 'acme/dev', 'write');
    repositories.setCollaborator(alice, 'acme/app', 'carol', 'read');
    assert.deepEqual(
      [alice, bob, carol, mallory].map(viewer => repositories.permission(viewer, 'acme/app')),
      ['admin', 'write', 'read', undefined],
    );
    assert.deepEqual(repositories.collaborators(alice, 'acme/app'), [
      { who: 'carol', permission: 'read' },
      { who: 'acme/dev', permission: 'write' },
    ]);
    for (const viewer of [bob, carol]) {
      assert.equal(repositories.search(viewer, { text: 'app' }).total, 1);
      assert.throws(() => repositories.setCollaborator(viewer, 'acme/app', viewer.name, 'admin'), {
        kind: 'forbidden',
      });
      assert.throws(() => repositories.update(viewer, 'acme/app', { isPrivate: false }), {
        kind: 'forbidden',
      });
    }
    assert.throws(() => repositories.setCollaborator(alice, 'acme/app', 'evil/dev', 'read'), {
      kind: 'invalid',
    });
    assert.throws(() => repositories.setCollaborator(alice, 'acme/app', 'acme/none', 'read'), {
      kind: 'notFound',
    });
    assert.throws(() => repositories.setCollaborator(alice, 'acme/app', 'nobody', 'read'), {
      kind: 'notFound',
    });
    organizations.setTeamMembers(alice, 'acme', 'ops', ['bob']);
    repositories.setCollaborator(alice, 'acme/app', 'acme/ops', 'admin');
    assert.equal(repositories.permission(bob, 'acme/app'), 'admin', 'the most of what his teams may');
    organizations.removeTeam(alice, 'acme', 'ops');
    assert.equal(repositories.permission(bob, 'acme/app'), 'write');
    organizations.removeMember(alice, 'acme', 'bob');
    assert.equal(repositories.permission(bob, 'acme/app'), undefined);
    repositories.setCollaborator(alice, 'acme/app', 'carol', undefined);
    assert.equal(repositories.permission(carol, 'acme/app'), undefined);
  });

  test('come with a push to a new name, as public or private as the namespace prefers', async () => {
    await using hub = new TestHub();
    const { alice, bob } = await hub.people('alice', 'bob');
    const { repositories } = hub.services;
    hub.catalog.push('alice/one', 'latest', 'alice');
    repositories.setPrivateByDefault(alice, 'alice', { isPrivate: true });
    assert.throws(() => repositories.setPrivateByDefault(bob, 'alice', { isPrivate: false }), {
      kind: 'forbidden',
    });
    hub.catalog.push('alice/two', 'latest', 'alice');
    assert.deepEqual(
      repositories
        .search(alice, { namespace: 'alice', order: 'name' })
        .items.map(item => [item.name, item.isPrivate]),
      [
        ['alice/one', false],
        ['alice/two', true],
      ],
    );
    hub.catalog.pull('alice/one', 'latest');
    hub.catalog.pull('alice/one', 'latest');
    assert.deepEqual(
      [repositories.get(bob, 'alice/one').pulls, repositories.get(bob, 'alice/one').pushedAt],
      [2, hub.now],
    );
    assert.equal(repositories.tags(bob, 'alice/one')[0]?.pushedBy, 'alice');
    repositories.removeTag(alice, 'alice/one', 'latest');
    assert.deepEqual(repositories.tags(bob, 'alice/one'), []);
    repositories.remove(alice, 'alice/one');
    assert.equal(hub.catalog.find('alice/one'), undefined);
    assert.deepEqual(
      repositories
        .activity(alice)
        .map(({ type, repository, tag, account }) => [type, repository, tag, account]),
      [
        ['delete', 'alice/one', undefined, 'alice'],
        ['delete', 'alice/one', 'latest', 'alice'],
        ['push', 'alice/two', 'latest', 'alice'],
        ['push', 'alice/one', 'latest', 'alice'],
      ],
    );
    assert.deepEqual(repositories.activity(bob), []);
  });

  test('are what the registry says at the next start, whatever happened meanwhile', async () => {
    await using hub = new TestHub();
    const { alice } = await hub.people('alice');
    const { repositories } = hub.services;
    repositories.create(alice, { name: 'alice/gone' });
    await hub.hub[Symbol.asyncDispose]();
    hub.catalog.remove('alice/gone');
    hub.catalog.push('alice/new', '1', 'alice');
    hub.catalog.push('stray/old', '1');
    await using again = hub.open();
    const names = (viewer: Viewer): string[] =>
      again.services.repositories.search(viewer, { order: 'name' }).items.map(({ name }) => name);
    assert.deepEqual(names(undefined), ['alice/new'], "what is nobody's is not shown to anybody");
    assert.deepEqual(names(again.services.accounts.find('root-admin')), ['alice/new', 'stray/old']);
  });

  test('take stars, one of each account', async () => {
    await using hub = new TestHub();
    const { alice, bob } = await hub.people('alice', 'bob');
    const { repositories } = hub.services;
    repositories.create(alice, { name: 'alice/app' });
    repositories.star(bob, 'alice/app', { isStarred: true });
    assert.equal(repositories.star(bob, 'alice/app', { isStarred: true }).stars, 1);
    assert.equal(repositories.star(alice, 'alice/app', { isStarred: true }).stars, 2);
    assert.ok(repositories.isStarred(bob, 'alice/app'));
    assert.equal(repositories.star(bob, 'alice/app', { isStarred: false }).stars, 1);
    assert.ok(!repositories.isStarred(undefined, 'alice/app'));
    assert.throws(() => repositories.star(undefined, 'alice/app', { isStarred: true }), {
      kind: 'unauthorized',
    });
  });

  test('have texts with bounds, in one line where it is one', async () => {
    await using hub = new TestHub();
    const { alice } = await hub.people('alice');
    const { repositories } = hub.services;
    repositories.create(alice, { name: 'alice/app' });
    const changed = repositories.update(alice, 'alice/app', {
      description: 'one\r\ntwo\u001b[31m',
      overview: '# Title\n',
      category: 'Security',
    });
    assert.deepEqual(
      [changed.description, changed.overview, changed.category],
      ['one  two [31m', '# Title\n', 'Security'],
    );
    assert.equal(repositories.update(alice, 'alice/app', { category: '' }).category, undefined);
    for (const change of [
      { description: 'x'.repeat(256) },
      { overview: 'x'.repeat(25_001) },
      { category: 'None' },
    ]) {
      assert.throws(() => repositories.update(alice, 'alice/app', change), { kind: 'invalid' });
    }
  });

  test('of others are pushed to by anybody only where nobody has the namespace, and only if told so', async () => {
    await using hub = new TestHub({ anonymous: 'push' });
    await hub.people('alice');
    hub.catalog.push('lab/demo', 'latest');
    const { repositories } = hub.services;
    assert.equal(repositories.permission(undefined, 'lab/demo'), 'write');
    const alice = hub.services.accounts.find('alice');
    assert.equal(repositories.permission(alice, 'lab/demo'), 'write', 'signing in takes nothing away');
    hub.catalog.push('alice/app', 'latest', 'alice');
    assert.equal(repositories.permission(undefined, 'alice/app'), 'read');
    await using closed = hub.open({ anonymous: 'none' });
    assert.equal(closed.services.repositories.permission(undefined, 'lab/demo'), undefined);
    assert.deepEqual(closed.services.repositories.search(undefined, {}).items, []);
  });
});
