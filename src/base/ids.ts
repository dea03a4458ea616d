import { createHash, randomBytes } from 'node:crypto';

/** 64 lower-case hex digits, as Docker's. Made by {@link newId} and by parsers only. */
export type ContainerId = string & { readonly __brand: 'ContainerId' };
export type NetworkId = string & { readonly __brand: 'NetworkId' };
export type EndpointId = string & { readonly __brand: 'EndpointId' };
export type ExecId = string & { readonly __brand: 'ExecId' };

/** `algorithm:hex`, as in the OCI image spec. */
export type Digest = `sha256:${string}`;

/**
 * A fresh random identifier. The first 12 digits are never all decimal, so that a short ID
 * cannot be taken for a number (Docker does the same).
 */
export function newId<T extends string = ContainerId>(): T {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    // The brand is given here: this is the only maker of identifiers.
    if (!/^\d{12}/.test(id)) return id as T;
  }
}

export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Of bytes in memory; what is large is hashed while it passes. */
export function digestOf(bytes: Buffer | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
