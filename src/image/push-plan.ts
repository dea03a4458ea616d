import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { type Platform, platformFit } from '#spec/oci/platform';
import { platformNotFound } from './errors.ts';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { ImageRecord, ImageTable } from './image-table.ts';
import type { ManifestBlob, ManifestRecord, ManifestTable } from './manifest-table.ts';

/** One image, and the manifest it goes by if it has one. */
export interface PlannedImage {
  readonly image: Image;
  readonly record: ImageRecord;
  readonly known?: { readonly manifest: ManifestRecord; readonly blobs: readonly ManifestBlob[] };
}

/** What an index leads to: an image, or something else with its blobs. */
export interface PlannedMember {
  readonly manifest: ManifestRecord;
  readonly content: PlannedImage | readonly ManifestBlob[];
}

/** What goes to the registry by one name: an image, or an index with all that it leads to here. */
export type PushPlan =
  | { readonly image: PlannedImage }
  | { readonly index: ManifestRecord; readonly members: readonly PlannedMember[] };

export interface PushPlanDeps {
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly catalog: ImageCatalog;
}

/**
 * Everything a push needs to know of what a name means, read at once: whoever removes the image meanwhile changes nothing about it.
 *
 * @throws {EngineError} `notFound`.
 */
export function planPush(deps: PushPlanDeps, name: string, platform: Platform | undefined): PushPlan {
  const { manifests, catalog } = deps;
  const target = catalog.targetOf(name);
  const row = target === undefined ? undefined : manifests.find(target);
  if (!row || row.imageId !== undefined || platform !== undefined) {
    return { image: plannedImage(deps, imageFor(catalog, name, platform), row) };
  }
  const members = manifests.membersOf(row.digest).flatMap((manifest): PlannedMember[] => {
    if (manifest.imageId === undefined) return [{ manifest, content: manifests.blobsOf(manifest.digest) }];
    const image = catalog.byId(manifest.imageId);
    return image ? [{ manifest, content: plannedImage(deps, image, manifest) }] : [];
  });
  return { index: row, members };
}

export function imagesOf(plan: PushPlan): PlannedImage[] {
  if ('image' in plan) return [plan.image];
  return plan.members.flatMap(({ content }) => ('image' in content ? [content] : []));
}

/** What must not go before it has been sent: blobs, and the layers that some of them are made from again. */
export function neededBy(plan: PushPlan): Digest[] {
  const ofImages = imagesOf(plan).flatMap(({ record, known }) => [
    ...record.layers.flatMap(({ chainId, blobDigest }) => [chainId, blobDigest]),
    ...(known?.blobs.map(({ digest }) => digest) ?? []),
  ]);
  const members = 'members' in plan ? plan.members : [];
  const others = members.flatMap(({ content }) => ('image' in content ? [] : content));
  return [...ofImages, ...others.map(({ digest }) => digest)];
}

function imageFor(catalog: ImageCatalog, name: string, platform: Platform | undefined): Image {
  const variants = catalog.variants(name);
  const [first] = variants;
  if (!first) throw new EngineError('notFound', `An image does not exist locally with the tag: ${name}`);
  if (!platform) return first;
  const found = variants.find(variant => platformFit(platform, variant.platform) > 0);
  if (!found) throw platformNotFound(name, platform);
  return found;
}

function plannedImage(
  { manifests, table }: PushPlanDeps,
  image: Image,
  target: ManifestRecord | undefined,
): PlannedImage {
  const members = target ? manifests.membersOf(target.digest).map(({ digest }) => digest) : [];
  const own = manifests.ofImage(image.id);
  const known = own.find(({ digest }) => digest === target?.digest || members.includes(digest)) ?? own[0];
  const record = table.find(image.id);
  if (!record) throw new EngineError('notFound', `No such image: ${image.id}`);
  return known
    ? { image, record, known: { manifest: known, blobs: manifests.blobsOf(known.digest) } }
    : { image, record };
}
