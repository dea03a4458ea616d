import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkNamespaceName, checkRepositoryName, isRepositoryName, namespaceOf } from './namespace-name.ts';

test('names of accounts are 2 to 30 lower-case letters and digits, with something between', () => {
  for (const name of ['al', 'alice', 'a1', '42', 'my-team', 'my_team', 'a'.repeat(30)])
    checkNamespaceName(name);
  const bad = [
    '',
    'a',
    'a'.repeat(31),
    'Alice',
    'a b',
    '-a',
    'a-',
    'a--b',
    'a.b',
    'a/b',
    'ä1',
    'a\nb',
    '../..',
  ];
  for (const name of bad) assert.throws(() => checkNamespaceName(name), { kind: 'invalid' }, name);
});

test('names that are parts of our own paths, or deceive, are reserved', () => {
  for (const name of [
    'library',
    'v1',
    'v2',
    'api',
    'admin',
    'explore',
    'repositories',
    'namespaces',
    'token',
  ]) {
    assert.throws(() => checkNamespaceName(name), /is reserved/, name);
  }
});

test('a repository has a namespace and parts of the distribution specification', () => {
  for (const name of ['alice/app', 'a1/b', 'team/app/api', 'a/b__c', 'a/b---c', 'a/b.c'])
    checkRepositoryName(name);
  for (const name of [
    'app',
    'alice/',
    '/app',
    'a//b',
    'a/B',
    'a/b..c',
    'a/.b',
    'a/../b',
    `a/${'b'.repeat(255)}`,
  ]) {
    assert.throws(() => checkRepositoryName(name), { kind: 'invalid' }, name);
  }
  assert.ok(!isRepositoryName('a/b\n'));
  assert.equal(namespaceOf('team/app/api'), 'team');
  assert.equal(namespaceOf('app'), '');
});
