import { existsSync, readFileSync } from 'node:fs';
import { type Digest, digestOf } from '#base/ids';
import { type Manifest, MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import type { ContentStore } from '#store/content-store';
import type { ImageTable } from './image-table.ts';
import type { ManifestTable } from './manifest-table.ts';

/**
 * Manifests were files of the content store once. Those of older images become rows, so that they can be pushed and
 * saved as they came; what cannot be read is left out: the image stays, and gets a manifest when one is needed.
 */
export function adoptManifests(table: ImageTable, manifests: ManifestTable, content: ContentStore): void {
  for (const { id, manifestDigest, layers } of table.withLostManifest()) {
    const found = readManifest(content, manifestDigest);
    if (!found || found.manifest.layers.length !== layers.length) continue;
    const blobs = layers.map((layer, position) => ({
      position,
      digest: layer.blobDigest,
      sizeBytes: layer.blobBytes,
      mediaType: layer.mediaType,
    }));
    const mediaType = found.manifest.mediaType || MEDIA_TYPES.ociManifest;
    manifests.insert({ digest: manifestDigest, mediaType, content: found.bytes, imageId: id, blobs });
  }
}

function readManifest(
  content: ContentStore,
  digest: Digest,
): { readonly bytes: Buffer; readonly manifest: Manifest } | undefined {
  const path = content.path(digest);
  if (!existsSync(path)) return undefined;
  try {
    const bytes = readFileSync(path);
    const document = parseManifest(bytes, '', digest);
    return document.kind === 'manifest' && digestOf(bytes) === digest
      ? { bytes, manifest: document.manifest }
      : undefined;
  } catch {
    return undefined; // damaged: as if it were not there
  }
}
