import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayName, localPath, paths, withQuery } from './paths.ts';

test('paths lead to official repositories by their short names, and to others by whole ones', () => {
  assert.equal(paths.repository('library/nginx'), '/_/nginx');
  assert.equal(paths.repository('team/app'), '/r/team/app');
  assert.equal(paths.tags('team/app'), '/r/team/app?tab=tags');
  assert.equal(paths.repository('a/"><b>?#'), '/r/a/%22%3E%3Cb%3E%3F%23');
  assert.equal(displayName('library/nginx'), 'nginx');
  assert.equal(displayName('team/app'), 'team/app');
});

test('withQuery() leaves out what is not there', () => {
  assert.equal(withQuery('/search', { q: 'a b&c', page: undefined, order: '' }), '/search?q=a+b%26c');
  assert.equal(withQuery('/r/a/b?tab=tags', { page: 2 }), '/r/a/b?tab=tags&page=2');
  assert.equal(withQuery('/', {}), '/');
});

const FOREIGN = [
  '',
  'x',
  '//evil.example/',
  '/\\evil.example/',
  '\\\\evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
  '/\t/evil.example/',
  '/\n/evil.example',
  ' /x',
  '/.//evil.example/',
  '/x/..//evil.example/',
  '/%0d%0aSet-Cookie:x\r\n',
  `/${'x'.repeat(3000)}`,
];

for (const next of FOREIGN) {
  test(`localPath() does not follow ${JSON.stringify(next.slice(0, 40))}`, () => {
    assert.equal(localPath(next, '/dashboard'), '/dashboard');
  });
}

test('localPath() follows paths of this site', () => {
  for (const next of ['/', '/r/a/b?tab=tags&page=2', '/repository/create', '/u/%22x']) {
    assert.equal(localPath(next, '/dashboard'), next);
  }
});
