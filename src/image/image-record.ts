import { type ImageConfig, parseCreated, parseImageConfig } from '#spec/oci/image-config';
import { normalizePlatform } from '#spec/oci/platform';
import { familiarReference, parseName } from '#spec/reference';
import type { Image, ImageHistoryEntry } from './image.ts';
import type { ImageRecord, LayerRecord } from './image-table.ts';

/** What the rest of the engine sees of a stored image. */
export function imageOf(record: ImageRecord): Image {
  const config = parseImageConfig(record.config);
  const createdAt = parseCreated(config.created);
  const top = record.layers.at(-1);
  return {
    id: record.id,
    ...(record.manifestDigest === undefined ? {} : { manifestDigest: record.manifestDigest }),
    ...namesOf(record),
    ...(createdAt === undefined ? {} : { createdAt }),
    author: config.author,
    comment: config.comment,
    platform: normalizePlatform(config),
    config: config.config,
    diffIds: record.layers.map(({ diffId }) => diffId),
    ...(top === undefined ? {} : { snapshot: top.chainId }),
    sizeBytes: record.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    history: historyOf(config, record.layers),
    ...(record.lastTaggedAt === undefined ? {} : { lastTaggedAt: record.lastTaggedAt }),
    ...(record.lastUsedAt === undefined ? {} : { lastUsedAt: record.lastUsedAt }),
    addedAt: record.addedAt,
    configBytes: record.config.length,
    isVariant: record.names.length > 0 && record.sharedNames.length === record.names.length,
    layers: record.layers.map(({ chainId, sizeBytes, blobDigest, blobBytes }) => ({
      chainId,
      sizeBytes,
      blobDigest,
      blobBytes,
    })),
  };
}

function namesOf({ names }: ImageRecord): Pick<Image, 'repoTags' | 'repoDigests'> {
  const references = names.map(name => parseName(name));
  return {
    repoTags: references.filter(({ digest }) => digest === undefined).map(familiarReference),
    repoDigests: references.filter(({ digest }) => digest !== undefined).map(familiarReference),
  };
}

/** Layers belong to the entries that are not empty, in order. */
function historyOf({ history }: ImageConfig, layers: readonly LayerRecord[]): ImageHistoryEntry[] {
  let next = 0;
  return history.map(entry => {
    const layer = entry.empty_layer ? undefined : layers[next++];
    const createdAt = parseCreated(entry.created);
    return {
      ...(createdAt === undefined ? {} : { createdAt }),
      createdBy: entry.created_by,
      comment: entry.comment,
      isEmptyLayer: entry.empty_layer,
      sizeBytes: layer?.sizeBytes ?? 0,
    };
  });
}
