import { type Digest, isDigest } from '#base/ids';
import { isRepositoryPath, isTag } from '#spec/reference';
import { RegistryError } from './errors.ts';

/** What a manifest is asked for by. */
export type ManifestName =
  | { readonly tag: string; readonly digest?: undefined }
  | { readonly tag?: undefined; readonly digest: Digest };

/** `algorithm:encoded` of the image specification. */
const ANY_DIGEST = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):[a-zA-Z0-9=_-]{1,256}$/;
const SHOWN = 80;

/** @throws {RegistryError} `NAME_INVALID`. */
export function checkRepository(text: string): string {
  if (isRepositoryPath(text)) return text;
  throw new RegistryError('NAME_INVALID', `invalid repository name "${shown(text)}"`);
}

/** @throws {RegistryError} `DIGEST_INVALID`; `UNSUPPORTED` for another algorithm than sha256. */
export function checkDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const [, algorithm] = ANY_DIGEST.exec(text) ?? [];
  if (algorithm !== undefined && algorithm !== 'sha256') {
    throw new RegistryError(
      'UNSUPPORTED',
      `digest algorithm ${shown(algorithm)} is not supported: use sha256`,
    );
  }
  throw new RegistryError('DIGEST_INVALID', `"${shown(text)}" is not a digest`);
}

/** @throws {RegistryError} `TAG_INVALID`, or as {@link checkDigest}. */
export function checkManifestName(text: string): ManifestName {
  if (text.includes(':')) return { digest: checkDigest(text) };
  if (isTag(text)) return { tag: text };
  throw new RegistryError('TAG_INVALID', `"${shown(text)}" is not a tag`);
}

export function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
