import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { isSignedBy } from './signature.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const OTHER = `sha256:${'b'.repeat(64)}` as const;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');

function payload(digest: string, type = 'cosign container image signature'): Buffer {
  return Buffer.from(
    JSON.stringify({
      critical: { type, identity: { 'docker-reference': '' }, image: { 'docker-manifest-digest': digest } },
    }),
  );
}

test('isSignedBy() accepts a statement about the digest by a known key of either kind', () => {
  const bytes = payload(DIGEST);
  const byEc = { payload: bytes, signature: sign('sha256', bytes, ec.privateKey) };
  const byEd = { payload: bytes, signature: sign(null, bytes, ed.privateKey) };
  assert.ok(isSignedBy(byEc, DIGEST, [ec.publicKey]));
  assert.ok(isSignedBy(byEd, DIGEST, [stranger.publicKey, ed.publicKey]));
  assert.ok(
    isSignedBy(byEc, DIGEST, [createPublicKey(ec.publicKey.export({ type: 'spki', format: 'pem' }))]),
  );
});

test('isSignedBy() refuses strangers, other digests, other statements and broken bytes', () => {
  const bytes = payload(DIGEST);
  const signature = sign(null, bytes, ed.privateKey);
  assert.ok(!isSignedBy({ payload: bytes, signature }, DIGEST, [stranger.publicKey, ec.publicKey]));
  assert.ok(!isSignedBy({ payload: bytes, signature }, OTHER, [ed.publicKey]));
  assert.ok(!isSignedBy({ payload: bytes, signature }, DIGEST, []));
  assert.ok(!isSignedBy({ payload: payload(OTHER), signature }, OTHER, [ed.publicKey]));
  for (const other of [
    payload(DIGEST, 'something else'),
    Buffer.from('{'),
    Buffer.from('[]'),
    Buffer.alloc(0),
  ]) {
    const own = sign(null, other, ed.privateKey);
    assert.ok(!isSignedBy({ payload: other, signature: own }, DIGEST, [ed.publicKey]));
  }
  for (const broken of [Buffer.alloc(0), Buffer.alloc(64), Buffer.alloc(5000)]) {
    assert.ok(!isSignedBy({ payload: bytes, signature: broken }, DIGEST, [ed.publicKey, ec.publicKey]));
  }
});
