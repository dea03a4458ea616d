import { EngineError } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { type Compression, detectCompression } from '#store/compression';
import type { ImageRecord, LayerRecord } from './image-table.ts';
import type { ManifestBlob, ManifestDocumentRow } from './manifest-table.ts';

/** A manifest and the layers it names. */
export interface LayeredManifest extends ManifestDocumentRow {
  readonly blobs: readonly ManifestBlob[];
}

type Family = 'oci' | 'docker';

const SUFFIX: Readonly<Record<Family, Readonly<Record<Compression, string>>>> = {
  oci: { none: '', gzip: '+gzip', zstd: '+zstd' },
  docker: { none: '', gzip: '.gzip', zstd: '.zstd' },
};

/** The media type of a layer, compressed so. */
export function layerType(family: Family, compression: Compression): string {
  const base = family === 'oci' ? MEDIA_TYPES.ociLayer : MEDIA_TYPES.dockerLayer;
  return base + SUFFIX[family][compression];
}

/**
 * A manifest for an image that came without one: from an archive of `docker save`, an import, a build. The same image
 * always gets the same.
 */
export function makeManifest(
  family: Family,
  { id, config }: Pick<ImageRecord, 'id' | 'config'>,
  blobs: readonly ManifestBlob[],
): LayeredManifest {
  const isOci = family === 'oci';
  const mediaType = isOci ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
  const document = {
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: isOci ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig,
      digest: id,
      size: config.length,
    },
    layers: blobs.map(blob => ({ mediaType: blob.mediaType, digest: blob.digest, size: blob.sizeBytes })),
  };
  const content = Buffer.from(JSON.stringify(document));
  return { digest: digestOf(content), mediaType, content, blobs };
}

/**
 * The manifest that an image without one is saved with, without a look at its layers.
 *
 * What a layer came as is in its media type; where that does not say, as in old archives, it is taken for gzip.
 */
export function ownManifest({ layers, ...image }: ImageRecord): LayeredManifest {
  const blobs = layers.map(({ diffId, blobDigest, blobBytes, mediaType }, position) => {
    const packed: Compression = mediaType.endsWith('zstd') ? 'zstd' : 'gzip';
    const type = layerType('oci', blobDigest === diffId ? 'none' : packed);
    return { position, digest: blobDigest, sizeBytes: blobBytes, mediaType: type };
  });
  return makeManifest('oci', image, blobs);
}

/** The layers of an image as they are kept, with media types that say what they are. */
export async function storedLayers(
  family: Family,
  layers: readonly LayerRecord[],
  blobs: LayerBlobs,
): Promise<ManifestBlob[]> {
  const result: ManifestBlob[] = [];
  for (const [position, { blobDigest, blobBytes }] of layers.entries()) {
    const compression = await compressionOf(blobDigest, blobs);
    result.push({
      position,
      digest: blobDigest,
      sizeBytes: blobBytes,
      mediaType: layerType(family, compression),
    });
  }
  return result;
}

/** @throws {EngineError} `dataLoss` when it is not there. */
export async function compressionOf(blob: Digest, blobs: LayerBlobs): Promise<Compression> {
  if (!blobs.has(blob)) throw blobMissing(blob);
  for await (const chunk of blobs.open(blob)) return detectCompression(chunk);
  return 'none';
}

export function blobMissing(blob: Digest): EngineError {
  return new EngineError(
    'dataLoss',
    `blob ${blob} is missing in the image store: pull or load its image again, or look with "quai fsck"`,
  );
}
