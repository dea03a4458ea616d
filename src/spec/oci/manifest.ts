import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type Digest, isDigest } from '#base/ids';
import { maybe, orDefault, text, textMap } from '#spec/docker/lenient';
import { parseDocument } from './json.ts';

/** OCI image spec 1.1 and Docker's distribution formats, which differ in names of media types only. */
export const MEDIA_TYPES = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const;

const MANIFEST_TYPES: readonly string[] = [MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifest];
const INDEX_TYPES: readonly string[] = [MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerIndex];
const LAYER_TYPE = /^application\/vnd\.(?:oci\.image\.layer\.|docker\.image\.rootfs\.)/;

export const DigestText = v.pipe(
  v.string(),
  v.check(isDigest, 'not a sha256 digest'),
  v.transform(value => value as Digest), // checked one line above
);

export const Descriptor = v.object({
  mediaType: text,
  digest: DigestText,
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  platform: maybe(v.object({ os: text, architecture: text, variant: text })),
  annotations: textMap,
});
export type Descriptor = v.InferOutput<typeof Descriptor>;

const MAX_LAYERS = 500;
const MAX_MANIFESTS = 1000;

export const Manifest = v.object({
  schemaVersion: orDefault(v.number(), 2),
  mediaType: text,
  config: Descriptor,
  layers: v.pipe(orDefault(v.array(Descriptor), []), v.maxLength(MAX_LAYERS)),
  annotations: textMap,
});
export type Manifest = v.InferOutput<typeof Manifest>;

export const ImageIndex = v.object({
  schemaVersion: orDefault(v.number(), 2),
  mediaType: text,
  manifests: v.pipe(v.array(Descriptor), v.maxLength(MAX_MANIFESTS)),
  annotations: textMap,
});
export type ImageIndex = v.InferOutput<typeof ImageIndex>;

const Shape = v.object({
  mediaType: text,
  manifests: maybe(v.unknown()),
  layers: maybe(v.unknown()),
  config: maybe(v.unknown()),
});

export type ManifestDocument =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly index: ImageIndex };

/**
 * Parses a manifest or an index, and refuses what could be read as either (CVE-2021-41190): a document with the
 * members of both, or one whose own media type is not the announced one.
 *
 * @param mediaType as the descriptor or the registry announced it; empty when nobody did
 * @throws {EngineError} `invalid`.
 */
export function parseManifest(bytes: Buffer, mediaType: string, what: string): ManifestDocument {
  const shape = parseDocument(Shape, bytes, what);
  if (shape.mediaType !== '' && mediaType !== '' && shape.mediaType !== mediaType) {
    throw new EngineError(
      'invalid',
      `${what} is announced as ${mediaType}, but calls itself ${shape.mediaType}`,
    );
  }
  const type = shape.mediaType || mediaType;
  const isIndex = INDEX_TYPES.includes(type) || (type === '' && shape.manifests !== undefined);
  if (!isIndex && type !== '' && !MANIFEST_TYPES.includes(type)) {
    throw new EngineError('invalid', `${what} has the unsupported media type ${type}`);
  }
  const isAmbiguous = isIndex ? (shape.layers ?? shape.config) !== undefined : shape.manifests !== undefined;
  if (isAmbiguous) throw new EngineError('invalid', `${what} is ambiguous: both a manifest and an index`);
  if (isIndex) return { kind: 'index', index: parseDocument(ImageIndex, bytes, what) };
  return { kind: 'manifest', manifest: parseDocument(Manifest, bytes, what) };
}

/** Whether a blob of this type is a layer to unpack, compressed or not. */
export function isLayerType(mediaType: string): boolean {
  return LAYER_TYPE.test(mediaType);
}
