import { createHash, randomBytes } from 'node:crypto';

/** What a secret is for stands in front of it, so that people and scanners of source code know one when they see it. */
export const ACCESS_TOKEN_PREFIX = 'qhp_';
export const REFRESH_TOKEN_PREFIX = 'qhr_';
export const SESSION_PREFIX = 'qhs_';
export const WEBHOOK_SECRET_PREFIX = 'qhw_';

const SECRET_BYTES = 32;
export const MAX_SECRET_LENGTH = 64;

/** 256 random bits. */
export function newSecret(prefix: string): string {
  return `${prefix}${randomBytes(SECRET_BYTES).toString('base64url')}`;
}

/**
 * What is stored of a secret. It has as many bits as the hash, so nobody can guess it however fast a hash is; a look-up by it
 * takes the same time for every one that does not exist.
 */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Names a row for people; says nothing of the secret. */
export function newRowId(): string {
  return randomBytes(12).toString('hex');
}
