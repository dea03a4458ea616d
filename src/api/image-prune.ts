import { isKind } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import type { Image } from '#image/image';
import type { ImageDeletion, ImageService } from '#image/image-service';
import { booleanFilter, type Filters, matchesLabels, matchesNoLabel } from '#spec/docker/filters';
import { isDangling } from './image-list.ts';
import { deletionToWire } from './image-wire.ts';
import { untilFilter } from './until-filter.ts';

export interface ImagePruneDeps {
  readonly images: Pick<ImageService, 'list' | 'remove'>;
  readonly containers: Pick<ContainerService, 'usersOfImage'>;
}

/** Removes images that no container uses: those without a name, or all with `dangling=false`. */
export async function pruneImages(deps: ImagePruneDeps, filters: Filters, signal: AbortSignal) {
  const isOnlyDangling = booleanFilter(filters, 'dangling', true);
  const isOld = untilFilter(filters);
  const doomed = deps.images
    .list()
    .filter(
      image =>
        (!isOnlyDangling || isDangling(image)) &&
        isOld(image.createdAt ?? 0) &&
        matchesLabels(filters, 'label', image.config.Labels) &&
        matchesNoLabel(filters, 'label!', image.config.Labels) &&
        deps.containers.usersOfImage(image.id).length === 0,
    );
  const deleted: ReturnType<typeof deletionToWire> = [];
  let freedBytes = 0;
  for (const image of doomed) {
    for (const deletion of await removeWhole(deps.images, image, signal)) {
      deleted.push(...deletionToWire(deletion));
      freedBytes += deletion.freedBytes;
    }
  }
  return { deleted, freedBytes };
}

/** By each of its names, so that nothing needs force: what came into use since stays. */
async function removeWhole(images: Pick<ImageService, 'remove'>, image: Image, signal: AbortSignal) {
  const references = image.repoTags.length > 0 ? image.repoTags : [image.id];
  const deletions: ImageDeletion[] = [];
  for (const reference of references) {
    try {
      deletions.push(await images.remove(reference, { force: false, noPrune: false, signal }));
    } catch (error) {
      if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error;
    }
  }
  return deletions;
}
