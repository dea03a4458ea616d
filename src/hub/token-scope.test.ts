import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseScopes } from './token-scope.ts';

test('parseScopes() takes one or several, joins what is about one repository, and drops what is none', () => {
  assert.deepEqual(parseScopes(['repository:alice/app:push,pull']), [
    { repository: 'alice/app', actions: ['pull', 'push'] },
  ]);
  assert.deepEqual(parseScopes(['repository:a/b:pull repository:c/d:pull,delete', 'repository:a/b:push']), [
    { repository: 'a/b', actions: ['pull', 'push'] },
    { repository: 'c/d', actions: ['pull', 'delete'] },
  ]);
  assert.deepEqual(parseScopes(['repository:a/b:*']), [
    { repository: 'a/b', actions: ['pull', 'push', 'delete'] },
  ]);
  assert.deepEqual(parseScopes(['repository:localhost:5000/a:pull']), [
    { repository: 'localhost:5000/a', actions: ['pull'] },
  ]);
  const none = [
    '',
    'repository',
    'repository:a',
    'registry:catalog:*',
    ':a:pull',
    `repository:${'a'.repeat(600)}:pull`,
  ];
  assert.deepEqual(parseScopes(none), []);
  assert.deepEqual(parseScopes(['repository:a/b:sudo,PULL']), [{ repository: 'a/b', actions: [] }]);
  assert.equal(
    parseScopes(Array.from({ length: 500 }, (_, index) => `repository:a/b${index}:pull`)).length,
    30,
  );
});
