import * as v from 'valibot';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { CleanupItem } from '#image/cleanup/cleanup-plan';
import type { ImageFinding } from '#image/image-check';
import type { ImageService } from '#image/image-service';
import type { Squashed, SquashProgress } from '#image/image-squasher';
import { queryFlag, queryText } from '#spec/docker/query';
import { progressReply } from './progress-reply.ts';
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
      ({ params: { name }, query: { tag, from }, signal }) =>
        progressReply(async emit => {
          const onProgress = squashLines(emit);
          const options = { ...(tag === '' ? {} : { tag }), from, onProgress, signal };
          emit({ aux: squashedToWire(await images.squash(name, options)) });
        }),
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

const STATES = {
  merging: 'Merging',
  storing: 'Storing',
  stored: 'Stored',
} as const satisfies Record<SquashProgress['state'], string>;
const STEP_MS = 100;

/** As the lines of a pull: one for each state, and so many in between as somebody can read. */
function squashLines(emit: (line: object) => void): (progress: SquashProgress) => void {
  let told: { readonly state: string; readonly at: number } | undefined;
  return ({ state, doneBytes, totalBytes }) => {
    const now = performance.now();
    if (told?.state === state && now - told.at < STEP_MS) return;
    told = { state, at: now };
    const progressDetail =
      doneBytes > 0 && state === 'merging' ? { current: doneBytes, total: totalBytes } : {};
    emit({ status: STATES[state], progressDetail, id: 'layer' });
  };
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
