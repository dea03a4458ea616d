import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { referrerOf, withReferrer } from '#distribution/referrer-tag';
import { parseChallenges } from '#distribution/www-authenticate';
import { parseImageConfig } from '#spec/oci/image-config';
import { MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import { parseStatement } from '#spec/oci/statement';
import { canonicalReference, familiarReference, parseReference } from '#spec/reference';
import { attempt } from './attempt.ts';
import { MadeUp, ROUNDS } from './made-up.ts';

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

const STATEMENT = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://slsa.dev/provenance/v1',
  subject: [{ name: 'x', digest: { sha256: 'a'.repeat(64) } }],
  predicate: { n: 1 },
};
const ENVELOPE = {
  payload: Buffer.from(JSON.stringify(STATEMENT)).toString('base64'),
  signatures: [{ sig: 'eA==' }],
};
const STATEMENTS = [STATEMENT, ENVELOPE, { dsseEnvelope: ENVELOPE }, { bomFormat: 'CycloneDX' }].map(
  document => Buffer.from(JSON.stringify(document)),
);

test('attestations: a mutated one is refused, or has a kind and is JSON', () => {
  const madeUp = new MadeUp(5);
  let taken = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = madeUp.mutated(madeUp.one(STATEMENTS));
    const statement = attempt(bytes.toString('latin1'), () => parseStatement(bytes, 'blob'));
    if (!statement) continue;
    taken += 1;
    assert.notEqual(statement.predicateType, '');
    assert.ok(statement.subjects.every(subject => typeof subject === 'string'));
    JSON.parse(statement.bytes.toString());
  }
  assert.ok(taken > ROUNDS / 100, `only ${taken} were attestations`);
});

test('lists of referrers: a mutated one is refused, or stays one with one entry more', () => {
  const madeUp = new MadeUp(6);
  const list = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [DESCRIPTOR] };
  const referrer = referrerOf(
    Buffer.from(JSON.stringify({ schemaVersion: 2, subject: DESCRIPTOR, artifactType: 'text/x' })),
    MEDIA_TYPES.ociManifest,
  );
  assert.ok(referrer);
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = madeUp.mutated(Buffer.from(JSON.stringify(list)));
    const descriptor = {
      ...DESCRIPTOR,
      mediaType: MEDIA_TYPES.ociIndex,
      digest: `sha256:${'b'.repeat(64)}` as const,
    };
    let next: Buffer | undefined;
    try {
      next = withReferrer({ bytes, descriptor }, referrer);
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === 'conflict', String(error));
      continue;
    }
    const { manifests } = JSON.parse(String(next)) as { manifests: { digest: string }[] };
    assert.equal(manifests.at(-1)?.digest, referrer.descriptor.digest);
  }
});
