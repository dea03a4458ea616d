import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from './www-authenticate.ts';

function plain(header: string | readonly string[]): unknown[] {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

test('parseChallenges() reads what registries send', () => {
  assert.deepEqual(plain('Basic realm="Registry Realm"'), [['basic', { realm: 'Registry Realm' }]]);
  assert.deepEqual(
    plain('Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push"'),
    [
      [
        'bearer',
        { realm: 'https://auth.example/token', service: 'registry', scope: 'repository:a/b:pull,push' },
      ],
    ],
  );
});

test('parseChallenges() tells challenges in one header apart, and takes several headers', () => {
  const expected = [
    ['negotiate', {}],
    ['bearer', { realm: 'x', error: 'invalid_token' }],
    ['basic', { realm: 'y, "z"' }],
  ];
  assert.deepEqual(
    plain('Negotiate abc==, BEARER Realm="x", error = invalid_token , basic realm="y, \\"z\\""'),
    expected,
  );
  assert.deepEqual(
    plain(['Negotiate', 'Bearer realm=x,error=invalid_token', 'Basic realm="y, \\"z\\""']),
    expected,
  );
});

test('parseChallenges() stops at what is not well-formed, and never takes long', () => {
  assert.deepEqual(plain('Basic realm="open'), [['basic', {}]]);
  assert.deepEqual(plain('=x'), []);
  assert.deepEqual(plain(`Basic realm="${'a'.repeat(10_000)}"`), []);
  assert.equal(parseChallenges(Array.from({ length: 100 }, (_, index) => `scheme${index}`)).length, 10);
  // The first value of a parameter counts.
  assert.deepEqual(plain('Bearer realm="https://good",realm="https://bad"'), [
    ['bearer', { realm: 'https://good' }],
  ]);
});
