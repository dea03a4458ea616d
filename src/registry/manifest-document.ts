import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import { maybe, orDefault, text, texts } from '#spec/docker/lenient';
import { parseDocument } from '#spec/oci/json';
import { Descriptor, type ManifestDocument, MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import type { Platform } from '#spec/oci/platform';
import { RegistryError } from './errors.ts';
import { shown } from './names.ts';

/** What a manifest needs to be there. */
export interface Needed {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A manifest or index, as far as a registry has to understand it. */
export interface ManifestFacts {
  readonly kind: ManifestDocument['kind'];
  readonly mediaType: string;
  readonly blobs: readonly Needed[];
  readonly manifests: readonly (Needed & { readonly platform: Platform | undefined })[];
  /** the configuration of an image, where it is one */
  readonly config: Digest | undefined;
  /** what it is said of; need not be there */
  readonly subject: Digest | undefined;
  /** as `referrers` lists it */
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
/** Layers that clients fetch from elsewhere: never by us. */
const FOREIGN =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;
const CONFIG_TYPES: readonly string[] = [MEDIA_TYPES.ociConfig, MEDIA_TYPES.dockerConfig];
const UNSAID: readonly string[] = ['', 'application/json', 'application/octet-stream', 'text/plain'];

/** What `spec/` leaves out, because an engine does not look at it. */
const More = v.object({
  schemaVersion: orDefault(v.number(), 0),
  mediaType: text,
  artifactType: text,
  subject: maybe(Descriptor),
  layers: orDefault(v.array(v.object({ urls: texts })), []),
  manifests: orDefault(v.unknown(), undefined),
});

/**
 * Reads what is to be stored as a manifest.
 *
 * @param contentType the one of the request
 * @throws {RegistryError} `MANIFEST_INVALID`.
 */
export function readManifest(bytes: Buffer, contentType: string): ManifestFacts {
  const announced = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (SCHEMA_1.test(announced)) throw schema1();
  try {
    return factsOf(bytes, UNSAID.includes(announced) ? '' : announced);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new RegistryError('MANIFEST_INVALID', messageOf(error), { cause: error });
  }
}

function factsOf(bytes: Buffer, announced: string): ManifestFacts {
  const more = parseDocument(More, bytes, 'the manifest');
  if (more.schemaVersion === 1) throw schema1();
  if (more.schemaVersion !== 2) {
    throw new RegistryError('MANIFEST_INVALID', 'the manifest has not the schemaVersion 2');
  }
  const document = parseManifest(bytes, announced, 'the manifest');
  const isIndex = document.kind === 'index';
  const mediaType = more.mediaType || announced || (isIndex ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.ociManifest);
  const common = { kind: document.kind, mediaType: shown(mediaType), subject: more.subject?.digest };
  if (document.kind === 'index') {
    const { manifests, annotations } = document.index;
    return {
      ...common,
      blobs: [],
      manifests: manifests.map(({ digest, size, platform }) => ({ digest, sizeBytes: size, platform })),
      config: undefined,
      artifactType: more.artifactType,
      annotations,
    };
  }
  const { config, layers, annotations } = document.manifest;
  const own = layers.filter((layer, at) => !isForeign(layer, more.layers[at]?.urls ?? []));
  return {
    ...common,
    blobs: [config, ...own].map(({ digest, size }) => ({ digest, sizeBytes: size })),
    manifests: [],
    config: CONFIG_TYPES.includes(config.mediaType) ? config.digest : undefined,
    artifactType: more.artifactType || config.mediaType,
    annotations,
  };
}

function isForeign({ mediaType }: Descriptor, urls: readonly string[]): boolean {
  return FOREIGN.test(mediaType) && urls.length > 0;
}

function schema1(): RegistryError {
  return new RegistryError(
    'MANIFEST_INVALID',
    'manifests of Docker image format v1 (schema 1) are not supported: push with Docker 1.10 or newer',
  );
}
