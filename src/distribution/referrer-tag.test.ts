import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import { MAX_JSON_BYTES } from '#spec/oci/json';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { referrerOf, referrerTag, withReferrer } from './referrer-tag.ts';

const SUBJECT = digestOf('image');

function manifest(change: object): Buffer {
  const subject = { mediaType: MEDIA_TYPES.ociManifest, digest: SUBJECT, size: 5 };
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [], subject, ...change }));
}

function list(document: unknown) {
  const bytes = Buffer.from(JSON.stringify(document));
  return {
    bytes,
    descriptor: { mediaType: MEDIA_TYPES.ociIndex, digest: digestOf(bytes), size: bytes.length },
  };
}

function entriesOf(bytes: Buffer | undefined): unknown[] {
  assert.ok(bytes);
  return (JSON.parse(bytes.toString()) as { manifests: unknown[] }).manifests;
}

test('referrerOf() tells the kind by the artifact type, or else by the configuration', () => {
  const typed = referrerOf(
    manifest({ artifactType: 'text/x', annotations: { a: 'b' } }),
    MEDIA_TYPES.ociManifest,
  );
  assert.equal(typed?.subject, SUBJECT);
  assert.deepEqual([typed.descriptor.artifactType, typed.descriptor.annotations], ['text/x', { a: 'b' }]);
  const plain = referrerOf(manifest({}), MEDIA_TYPES.ociManifest);
  assert.equal(plain?.descriptor.artifactType, 'application/vnd.oci.empty.v1+json');
  assert.equal(referrerOf(manifest({ subject: undefined }), MEDIA_TYPES.ociManifest), undefined);
  assert.equal(referrerOf(manifest({ subject: { digest: '../../x' } }), MEDIA_TYPES.ociManifest), undefined);
});

test('withReferrer() begins a list, adds to it once, and keeps what others put there', () => {
  const referrer = referrerOf(manifest({}), MEDIA_TYPES.ociManifest);
  assert.ok(referrer);
  assert.deepEqual(entriesOf(withReferrer(undefined, referrer)), [referrer.descriptor]);
  const theirs = { mediaType: 'x', digest: digestOf('a'), size: 1, data: 'eA==', unknown: { a: 1 } };
  const before = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: [theirs],
    annotations: { c: 'd' },
  };
  const after = withReferrer(list(before), referrer);
  assert.deepEqual(JSON.parse(String(after)), { ...before, manifests: [theirs, referrer.descriptor] });
  assert.equal(withReferrer(list(JSON.parse(String(after))), referrer), undefined);
});

test('withReferrer() leaves a tag alone that is something else', () => {
  const referrer = referrerOf(manifest({}), MEDIA_TYPES.ociManifest);
  assert.ok(referrer);
  for (const document of [
    {},
    { mediaType: MEDIA_TYPES.ociManifest, layers: [] },
    { mediaType: MEDIA_TYPES.ociIndex },
  ]) {
    assert.throws(() => withReferrer(list(document), referrer), {
      kind: 'conflict',
      message: `the tag ${referrerTag(SUBJECT)} is no list of referrers: it stands for something else, and stays as it is`,
    });
  }
});

test('withReferrer() refuses a list that no registry would take', () => {
  const referrer = referrerOf(manifest({}), MEDIA_TYPES.ociManifest);
  assert.ok(referrer);
  const annotations = { pad: 'x'.repeat(MAX_JSON_BYTES - 200) };
  const full = list({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [], annotations });
  assert.throws(() => withReferrer(full, referrer), { kind: 'invalid', message: /is full/ });
});
