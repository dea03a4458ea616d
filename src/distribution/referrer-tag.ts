import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type Digest, digestOf, isDigest } from '#base/ids';
import { maybe, text, textMap } from '#spec/docker/lenient';
import { MAX_JSON_BYTES, parseDocument } from '#spec/oci/json';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { FetchedManifest } from './repository.ts';

/** A manifest that says it is about another, as a list of referrers has it. */
export interface NewReferrer {
  readonly subject: Digest;
  readonly descriptor: {
    readonly mediaType: string;
    readonly digest: Digest;
    readonly size: number;
    readonly artifactType?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

const Referring = v.object({
  artifactType: text,
  config: maybe(v.object({ mediaType: text })),
  subject: maybe(v.object({ digest: text })),
  annotations: textMap,
});
/** Entries stay as they are, with members that we do not know. */
const TagIndex = v.looseObject({
  mediaType: v.literal(MEDIA_TYPES.ociIndex),
  manifests: v.array(v.looseObject({ digest: v.string() })),
});

/** Where the referrers of a manifest are listed when the registry does not do it (OCI distribution spec 1.1, "Referrers Tag Schema"). */
export function referrerTag(subject: Digest): string {
  return subject.replace(':', '-');
}

/** Where cosign keeps what it says about a manifest. */
export function cosignTag(subject: Digest, kind: 'sig' | 'att' | 'sbom'): string {
  return `${referrerTag(subject)}.${kind}`;
}

/** `undefined` for a manifest without a subject. @throws {EngineError} `invalid`. */
export function referrerOf(bytes: Buffer, mediaType: string): NewReferrer | undefined {
  const digest = digestOf(bytes);
  const { subject, artifactType, config, annotations } = parseDocument(
    Referring,
    bytes,
    `manifest ${digest}`,
  );
  if (!subject || !isDigest(subject.digest)) return undefined; // other algorithms are not ours
  const type = artifactType || (config?.mediaType ?? '');
  return {
    subject: subject.digest,
    descriptor: {
      mediaType,
      digest,
      size: bytes.length,
      ...(type === '' ? {} : { artifactType: type }),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
}

/**
 * The list with one more; `undefined` when it has it already.
 *
 * @param list what the tag stands for now
 * @throws {EngineError} `conflict` when that is no list, `invalid` when it would be too long.
 */
export function withReferrer(
  list: FetchedManifest | undefined,
  { subject, descriptor }: NewReferrer,
): Buffer | undefined {
  const current = list
    ? listIn(list, subject)
    : { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] };
  if (current.manifests.some(({ digest }) => digest === descriptor.digest)) return undefined;
  const bytes = Buffer.from(JSON.stringify({ ...current, manifests: [...current.manifests, descriptor] }));
  if (bytes.length <= MAX_JSON_BYTES) return bytes;
  throw new EngineError(
    'invalid',
    `the list of referrers of ${subject} is full: it would be larger than ${MAX_JSON_BYTES} bytes`,
  );
}

function listIn({ bytes }: FetchedManifest, subject: Digest): v.InferOutput<typeof TagIndex> {
  try {
    return parseDocument(TagIndex, bytes, `the list of referrers of ${subject}`);
  } catch (cause) {
    throw new EngineError(
      'conflict',
      `the tag ${referrerTag(subject)} is no list of referrers: it stands for something else, and stays as it is`,
      { cause },
    );
  }
}
