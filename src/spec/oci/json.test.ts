import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { parseDocument } from './json.ts';
import { MEDIA_TYPES, parseManifest } from './manifest.ts';

const parse = (text: string): unknown => parseDocument(v.unknown(), Buffer.from(text), 'it');

test('parseDocument() does not begin to read what is made to take long', () => {
  const hostile = [
    `[${'{},'.repeat(1_200_000)}{}]`,
    `{"annotations":{${Array.from({ length: 250_000 }, (_, at) => `"k${at}":""`).join(',')}}}`,
    `${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}`,
    `{"a":${'['.repeat(201)}${']'.repeat(201)}}`,
    `[${'"\\\\",'.repeat(200_000)}0]`,
  ];
  for (const text of hostile) {
    assert.throws(() => parse(text), {
      kind: 'invalid',
      message: 'it is invalid: it has too many parts, or they are too deep',
    });
  }
});

test('parseDocument() counts nothing in strings, whatever they hold', () => {
  const value = {
    [',[{"\\'.repeat(20_000)]: ['\\', '\\\\', '"', '\\"', `${'['.repeat(300_000)}\\`],
    last: ','.repeat(300_000),
  };
  assert.deepEqual(parse(JSON.stringify(value)), value);
  assert.throws(() => parse(`{"a":"${'\\"'.repeat(10)}`), { message: 'it is not JSON' });
});

test('an index of a thousand images with annotations is none of these', () => {
  const descriptor = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest: `sha256:${'a'.repeat(64)}`,
    size: 3,
    platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.features': ['a', 'b'] },
    annotations: Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`note.${at}`, 'x'])),
  };
  const manifests = Array.from({ length: 1000 }, () => descriptor);
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
  assert.equal(parseManifest(Buffer.from(JSON.stringify(index)), '', 'it').kind, 'index');
});
