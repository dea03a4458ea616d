import * as v from 'valibot';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { CleanupItem } from '#image/cleanup/cleanup-plan';
import type { ImageFinding } from '#image/image-check';
import type { ImageService } from '#image/image-service';
import type { Squashed } from '#image/image-squasher';
import { queryFlag, queryText } from '#spec/docker/query';
import { SharedLayers } from './shared-layers.ts';

export type ImageStoreApi = Pick<
  ImageService,
  'check' | 'cleanUp' | 'keptBytes' | 'list' | 'squash' | 'tidy'
>;

/** What the store of images can do beyond Docker's API. */
export function imageStoreRoutes(images: ImageStoreApi): Route[] {
  return [
    route(
      'POST',
      '/quai/images/check',
      { query: v.object({ mend: queryFlag }) },
      async ({ query: { mend }, signal }) => {
        const { findings, ...counts } = await images.check({ mends: mend, signal });
        return reply.json({
          Images: counts.images,
          Blobs: counts.blobs,
          Bytes: counts.bytes,
          Findings: findings.map(findingToWire),
        });
      },
    ),
    route(
      'POST',
      '/quai/images/{name}/squash',
      { query: v.object({ tag: queryText, from: queryText }) },
      async ({ params: { name }, query: { tag, from }, signal }) => {
        const squashed = await images.squash(name, { ...(tag === '' ? {} : { tag }), from, signal });
        return reply.json(squashedToWire(squashed));
      },
    ),
    route('GET', '/quai/images/usage', {}, () => {
      const used = new SharedLayers(images.list(), blob => images.keptBytes(blob));
      return reply.json({ LayersSize: used.totalBytes - used.keptBytes, BlobsSize: used.keptBytes });
    }),
    route('POST', '/quai/images/tidy', {}, async ({ signal }) => {
      await images.tidy({ signal });
      return reply.noContent();
    }),
    route(
      'POST',
      '/quai/images/cleanup',
      { query: v.object({ 'dry-run': queryFlag }) },
      async ({ query, signal }) => {
        const { items, freedBytes } = await images.cleanUp({ isDry: query['dry-run'], signal });
        return reply.json({ Removed: items.map(cleanupItemToWire), SpaceReclaimed: freedBytes });
      },
    ),
  ];
}

function squashedToWire({ image, layers, bytesBefore, bytesAfter, unsharedBytes }: Squashed) {
  return {
    Id: image.id,
    Layers: layers,
    SizeBefore: bytesBefore,
    SizeAfter: bytesAfter,
    UnsharedSize: unsharedBytes,
  };
}

function cleanupItemToWire({ image, reason, freedBytes }: CleanupItem) {
  return { Id: image.id, RepoTags: image.repoTags, Reason: reason, SpaceReclaimed: freedBytes };
}

function findingToWire({ kind, digest, images, detail, mended }: ImageFinding) {
  return {
    Kind: kind,
    Digest: digest,
    Images: images,
    Detail: detail,
    ...(mended === undefined ? {} : { Mended: mended }),
  };
}
