import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { parseChallenges } from '#distribution/www-authenticate';
import { parseImageConfig } from '#spec/oci/image-config';
import { MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import { canonicalReference, familiarReference, parseReference } from '#spec/reference';
import { MadeUp, ROUNDS } from './made-up.ts';

/** Runs a parser; whatever it refuses, it refuses in its own words and at once. */
function attempt<T>(input: unknown, parse: () => T): T | undefined {
  const begun = performance.now();
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof EngineError, `${JSON.stringify(input)}: ${String(error)}`);
    assert.equal(error.kind, 'invalid', JSON.stringify(input));
    return undefined;
  } finally {
    const took = performance.now() - begun;
    assert.ok(took < 2000, `${took} ms for ${JSON.stringify(input)}`);
  }
}

test('WWW-Authenticate: whatever comes, challenges are words', () => {
  const madeUp = new MadeUp(1);
  const pieces = ['Bearer', 'Basic', ' ', ',', '=', '"', '\\', 'realm', 'x', '\u0000', 'é', '==', ';'];
  for (let round = 0; round < ROUNDS; round += 1) {
    const header = madeUp.text(pieces, 30);
    for (const { scheme, parameters } of parseChallenges(header)) {
      assert.match(scheme, /^[!-~]+$/, header);
      for (const name of parameters.keys()) assert.match(name, /^[!-~]+$/, header);
    }
  }
});

test('references: what is taken comes back as the same when it is written and read again', () => {
  const madeUp = new MadeUp(2);
  const pieces = [
    'a',
    'Z',
    '0',
    '.',
    '-',
    '_',
    '__',
    '/',
    ':',
    '@',
    'sha256:',
    'f'.repeat(64),
    '[',
    ']',
    '::1',
    '..',
    ' ',
    'é',
    '\n',
  ];
  let taken = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = madeUp.text(pieces, 9);
    const reference = attempt(text, () => parseReference(text));
    if (!reference) continue;
    taken += 1;
    for (const written of [canonicalReference(reference), familiarReference(reference)]) {
      assert.deepEqual(parseReference(written), reference, text);
    }
    assert.doesNotMatch(reference.repository, /\.\.|\/\/|[^a-z0-9._/-]/, text);
  }
  assert.ok(taken > ROUNDS / 100, `only ${taken} were references`);
});

const DESCRIPTOR = { mediaType: MEDIA_TYPES.ociLayer, digest: `sha256:${'a'.repeat(64)}`, size: 10 };
const DOCUMENTS = [
  { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: DESCRIPTOR, layers: [DESCRIPTOR] },
  {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: [{ ...DESCRIPTOR, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }],
  },
].map(document => Buffer.from(JSON.stringify(document)));

test('manifests: a mutated one is refused, or one thing only, with digests and sizes that are some', () => {
  const madeUp = new MadeUp(3);
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = madeUp.mutated(madeUp.one(DOCUMENTS));
    const announced = madeUp.one(['', MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex, 'text/html']);
    const document = attempt(bytes.toString('latin1'), () => parseManifest(bytes, announced, 'manifest'));
    if (!document) continue;
    const descriptors =
      document.kind === 'index'
        ? document.index.manifests
        : [document.manifest.config, ...document.manifest.layers];
    for (const { digest, size } of descriptors) {
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      assert.ok(Number.isSafeInteger(size) && size >= 0);
    }
  }
});

const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'], ExposedPorts: { '80/tcp': {} }, Volumes: { '/data': {} } },
    rootfs: { type: 'layers', diff_ids: [`sha256:${'b'.repeat(64)}`] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'test', empty_layer: true }],
  }),
);

test('configurations of images: a mutated one is refused or makes sense', () => {
  const madeUp = new MadeUp(4);
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = madeUp.mutated(CONFIG);
    const config = attempt(bytes.toString('latin1'), () => parseImageConfig(bytes));
    for (const diffId of config?.rootfs.diff_ids ?? []) assert.match(diffId, /^sha256:[0-9a-f]{64}$/);
  }
});
