import { type KeyObject, verify } from 'node:crypto';
import * as v from 'valibot';
import type { Digest } from '#base/ids';
import { parseDocument } from '#spec/oci/json';

/** A statement that a key holder made about a manifest or index, as cosign writes it ("simple signing"). */
export interface Signature {
  readonly payload: Buffer;
  readonly signature: Buffer;
}

const Payload = v.object({
  critical: v.object({
    type: v.string(),
    image: v.object({ 'docker-manifest-digest': v.string() }),
  }),
});

const TYPES = ['cosign container image signature', 'atomic container signature'];

/** Whether one of the keys has signed that `digest` is an image to be trusted. Never throws: what is broken is no signature. */
export function isSignedBy(
  { payload, signature }: Signature,
  digest: Digest,
  keys: readonly KeyObject[],
): boolean {
  if (!keys.some(key => isGenuine(payload, signature, key))) return false;
  try {
    const { critical } = parseDocument(Payload, payload, 'the signed statement');
    return TYPES.includes(critical.type) && critical.image['docker-manifest-digest'] === digest;
  } catch {
    return false; // a statement about something else, in some other form
  }
}

function isGenuine(payload: Buffer, signature: Buffer, key: KeyObject): boolean {
  try {
    return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, key, signature);
  } catch {
    return false; // not a signature of that kind of key
  }
}
