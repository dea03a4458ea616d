import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestHub } from './test-hub.ts';

describe('organizations', () => {
  test('are changed by their owners, seen by their members, and closed to others', async () => {
    await using hub = new TestHub();
    const { admin, alice, bob, mallory } = await hub.people('alice', 'bob', 'mallory');
    const { organizations } = hub.services;
    organizations.create(alice, { name: 'acme', fullName: 'Acme Corp.' });
    organizations.setMember(alice, 'acme', 'bob', 'member');
    assert.deepEqual(organizations.members(bob, 'acme'), [
      { account: 'alice', role: 'owner' },
      { account: 'bob', role: 'member' },
    ]);
    assert.deepEqual(
      organizations.mine(bob).map(({ name, role }) => [name, role]),
      [['acme', 'member']],
    );
    const acts = [
      (viewer: typeof bob) => organizations.setMember(viewer, 'acme', viewer.name, 'owner'),
      (viewer: typeof bob) => organizations.removeMember(viewer, 'acme', 'alice'),
      (viewer: typeof bob) => organizations.createTeam(viewer, 'acme', { name: 'dev' }),
      (viewer: typeof bob) => organizations.setTeamMembers(viewer, 'acme', 'dev', []),
      (viewer: typeof bob) => organizations.removeTeam(viewer, 'acme', 'dev'),
      (viewer: typeof bob) => organizations.remove(viewer, 'acme'),
    ];
    for (const act of acts) {
      for (const viewer of [bob, mallory]) assert.throws(() => act(viewer), { kind: 'forbidden' });
    }
    assert.throws(() => organizations.members(mallory, 'acme'), { kind: 'forbidden' });
    assert.throws(() => organizations.teams(mallory, 'acme'), { kind: 'forbidden' });
    assert.throws(() => organizations.members(undefined, 'acme'), { kind: 'unauthorized' });
    assert.throws(() => organizations.members(alice, 'nobody'), { kind: 'notFound' });
    assert.equal(organizations.members(admin, 'acme').length, 2);
  });

  test('keep an owner; who leaves is out of the teams', async () => {
    await using hub = new TestHub();
    const { alice, bob } = await hub.people('alice', 'bob');
    const { organizations } = hub.services;
    organizations.create(alice, { name: 'acme' });
    assert.throws(() => organizations.removeMember(alice, 'acme', 'alice'), { kind: 'conflict' });
    assert.throws(() => organizations.setMember(alice, 'acme', 'alice', 'member'), { kind: 'conflict' });
    assert.equal(organizations.members(alice, 'acme')[0]?.role, 'owner', 'nothing has changed');
    organizations.setMember(alice, 'acme', 'bob', 'member');
    organizations.createTeam(alice, 'acme', { name: 'dev', description: 'Developers' });
    organizations.setTeamMembers(alice, 'acme', 'dev', ['bob', 'bob']);
    assert.deepEqual(organizations.teams(bob, 'acme')[0]?.members, ['bob']);
    organizations.removeMember(bob, 'acme', 'bob');
    assert.deepEqual(organizations.teams(alice, 'acme')[0]?.members, []);
    assert.throws(() => organizations.setTeamMembers(alice, 'acme', 'dev', ['bob']), { kind: 'invalid' });
    assert.throws(() => organizations.setTeamMembers(alice, 'acme', 'ops', []), { kind: 'notFound' });
    assert.throws(() => organizations.createTeam(alice, 'acme', { name: 'dev' }), { kind: 'conflict' });
    assert.throws(() => organizations.createTeam(alice, 'acme', { name: 'a/b' }), { kind: 'invalid' });
  });

  test('go only when they are empty, and leave nothing to whoever has the name next', async () => {
    await using hub = new TestHub();
    const { alice, bob } = await hub.people('alice', 'bob');
    const { organizations, repositories } = hub.services;
    organizations.create(alice, { name: 'acme' });
    organizations.createTeam(alice, 'acme', { name: 'dev' });
    repositories.create(alice, { name: 'acme/secret', isPrivate: true });
    repositories.setCollaborator(alice, 'acme/secret', 'acme/dev', 'read');
    assert.throws(() => organizations.remove(alice, 'acme'), { kind: 'conflict' });
    repositories.remove(alice, 'acme/secret');
    organizations.remove(alice, 'acme');
    assert.equal(organizations.find('acme'), undefined);
    organizations.create(bob, { name: 'acme' });
    assert.deepEqual(repositories.activity(bob), []);
    assert.deepEqual(organizations.teams(bob, 'acme'), []);
  });
});
