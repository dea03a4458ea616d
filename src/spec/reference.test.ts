import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  canonicalReference,
  familiarName,
  familiarReference,
  isTag,
  parseName,
  parseReference,
  tryParseReference,
} from './reference.ts';

const HEX = 'a'.repeat(64);

const NORMALISED = [
  ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
  ['polytech/ts-node', 'docker.io/polytech/ts-node:latest', 'polytech/ts-node:latest'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
  ['localhost:5000/my/apache:2', 'localhost:5000/my/apache:2', 'localhost:5000/my/apache:2'],
  ['Host/x', 'Host/x:latest', 'Host/x:latest'],
  ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
  ['a.b/c__d--e.f', 'a.b/c__d--e.f:latest', 'a.b/c__d--e.f:latest'],
  [`x@sha256:${HEX}`, `docker.io/library/x@sha256:${HEX}`, `x@sha256:${HEX}`],
  [`x:1@sha256:${HEX}`, `docker.io/library/x:1@sha256:${HEX}`, `x:1@sha256:${HEX}`],
  ['sha256:1234', 'docker.io/library/sha256:1234', 'sha256:1234'],
] as const;

for (const [text, canonical, familiar] of NORMALISED) {
  test(`parseReference() completes ${text}`, () => {
    const reference = parseReference(text);
    assert.equal(canonicalReference(reference), canonical);
    assert.equal(familiarReference(reference), familiar);
    assert.deepEqual(parseReference(familiar), reference);
  });
}

const INVALID = [
  ['', 'invalid reference format: the name of an image is empty'],
  [':latest', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['a/', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['a:', 'invalid reference format'],
  ['a: b', 'invalid reference format: the name of an image has no blanks'],
  ['X Y', 'invalid reference format: the name of an image has no blanks'],
  ['a___b', 'invalid reference format'],
  [`a:${'t'.repeat(129)}`, 'invalid reference format'],
  ['../etc', 'invalid reference format'],
  ['a@sha256:123', 'invalid reference format: 64 hexadecimal digits follow @sha256:'],
  [
    'https://hub.example.com/team/web',
    'invalid reference format: the name of an image begins with its host, without http:// or https://',
  ],
  [`a@sha256:${'a'.repeat(63)}`, 'invalid checksum digest length'],
  [`a@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
  ['Ubuntu', 'invalid reference format: repository name (library/Ubuntu) must be lowercase'],
  [
    'docker.io/library/Ubuntu:x',
    'invalid reference format: repository name (library/Ubuntu) must be lowercase',
  ],
  [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
  [`x/${'a'.repeat(254)}`, 'repository name must not be more than 255 characters'],
] as const;

for (const [text, message] of INVALID) {
  test(`parseReference() refuses "${text.slice(0, 40)}" as Docker does`, () => {
    assert.throws(() => parseReference(text), { name: 'EngineError', kind: 'invalid', message });
    assert.equal(tryParseReference(text), undefined);
  });
}

test('parseReference() answers at once to a hostile megabyte', () => {
  for (const text of [`${'a-'.repeat(500_000)}_`, `${'a.'.repeat(2000)}/x/_`, `x/${'a'.repeat(4000)}_`]) {
    const started = performance.now();
    assert.throws(() => parseReference(text), { kind: 'invalid' });
    assert.ok(performance.now() - started < 2000, 'not by the square');
  }
});

test('parseName() leaves a missing tag missing', () => {
  assert.deepEqual(parseName('busybox'), { domain: 'docker.io', repository: 'library/busybox' });
});

test('familiarName() keeps the domain where the short name would mean something else', () => {
  assert.equal(familiarName({ domain: 'docker.io', repository: 'library/a/b' }), 'library/a/b');
  assert.equal(familiarName({ domain: 'docker.io', repository: 'localhost/x' }), 'docker.io/localhost/x');
  assert.equal(familiarName({ domain: 'docker.io', repository: 'a.b/x' }), 'docker.io/a.b/x');
});

test('isTag() knows the grammar of tags', () => {
  assert.deepEqual(['a', 'A_1.2-3', '_x', '.x', '-x', 'a b', ''].map(isTag), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});
