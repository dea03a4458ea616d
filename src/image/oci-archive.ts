import { EngineError } from '#base/errors';
import {
  type Descriptor,
  type ImageIndex,
  isLayerType,
  type Manifest,
  parseManifest,
} from '#spec/oci/manifest';
import { formatPlatform, type Platform, platformFit } from '#spec/oci/platform';
import { type Reference, tryParseReference } from '#spec/reference';
import type { ArchiveImage } from './archive-image.ts';
import type { ArchiveSpool } from './archive-spool.ts';
import { readDockerArchive } from './docker-archive.ts';
import type { NewImage, StagedBlob } from './image-adder.ts';

/** An index in an index in an index is somebody's joke. */
const MAX_DEPTH = 3;
/** containerd and Docker put the whole name there, */
const NAME_ANNOTATION = 'io.containerd.image.name';
/** the specification only a tag, and some tools a name. */
const REF_ANNOTATION = 'org.opencontainers.image.ref.name';

/**
 * The images of an OCI layout (`index.json`), for this host's platform where there are several. Docker's own archives
 * are both, so names that only its `manifest.json` knows are added.
 *
 * @throws {EngineError} `invalid`.
 */
export async function readOciArchive(spool: ArchiveSpool, platform: Platform): Promise<ArchiveImage[]> {
  const document = parseManifest(await spool.read('index.json'), '', 'index.json');
  if (document.kind !== 'index') throw new EngineError('invalid', 'index.json is no image index');
  const found = new Map<string, ArchiveImage>();
  for (const descriptor of document.index.manifests) {
    const image = await imageOf(spool, descriptor, { platform, depth: 1 });
    if (!image) continue;
    const known = found.get(image.config.blob.digest);
    const tags = [...(known?.tags ?? []), ...tagsOf(descriptor)];
    found.set(image.config.blob.digest, { image: known?.image ?? image, tags });
  }
  if (spool.has('manifest.json')) await addDockerNames(spool, found);
  return [...found.values()];
}

async function addDockerNames(spool: ArchiveSpool, found: Map<string, ArchiveImage>): Promise<void> {
  for (const { image, tags } of await readDockerArchive(spool)) {
    const { digest } = image.config.blob;
    const known = found.get(digest);
    const names = new Map([...(known?.tags ?? []), ...tags].map(tag => [JSON.stringify(tag), tag]));
    found.set(digest, { image: known?.image ?? image, tags: [...names.values()] });
  }
}

interface Choice {
  readonly platform: Platform;
  readonly depth: number;
}

async function imageOf(
  spool: ArchiveSpool,
  descriptor: Descriptor,
  choice: Choice,
): Promise<NewImage | undefined> {
  const blob = stagedBlob(spool, descriptor);
  const what = `manifest ${descriptor.digest}`;
  const document = parseManifest(await spool.read(blobName(descriptor)), descriptor.mediaType, what);
  if (document.kind === 'manifest') return await fromManifest(spool, document.manifest, blob);
  if (choice.depth >= MAX_DEPTH) throw new EngineError('invalid', `${what}: indexes are nested too deeply`);
  const chosen = choose(spool, document.index, choice.platform, what);
  return chosen && (await imageOf(spool, chosen, { ...choice, depth: choice.depth + 1 }));
}

/** @returns `undefined` for what is an artifact, not an image: a signature, an attestation. */
async function fromManifest(
  spool: ArchiveSpool,
  manifest: Manifest,
  blob: StagedBlob,
): Promise<NewImage | undefined> {
  if (!manifest.layers.every(({ mediaType }) => mediaType === '' || isLayerType(mediaType))) return undefined;
  const config = {
    bytes: await spool.read(blobName(manifest.config)),
    blob: stagedBlob(spool, manifest.config),
  };
  const layers = manifest.layers.map(layer => ({
    blob: stagedBlob(spool, layer),
    ...(layer.mediaType === '' ? {} : { mediaType: layer.mediaType }),
  }));
  return { config, manifest: blob, layers };
}

/** The manifest that fits best of those the archive has; one without a platform fits any. */
function choose(
  spool: ArchiveSpool,
  index: ImageIndex,
  platform: Platform,
  what: string,
): Descriptor | undefined {
  const images = index.manifests.filter(entry => entry.platform?.architecture !== 'unknown');
  if (images.length === 0) return undefined;
  const ranked = images
    .filter(entry => spool.has(blobName(entry)))
    .map(entry => ({ entry, fit: entry.platform ? platformFit(platform, entry.platform) : 1 }))
    .filter(({ fit }) => fit > 0)
    .toSorted((one, other) => other.fit - one.fit);
  const [best] = ranked;
  if (best) return best.entry;
  const offered = images
    .flatMap(entry => (entry.platform ? [formatPlatform(entry.platform)] : []))
    .join(', ');
  throw new EngineError(
    'invalid',
    `${what} has no image for ${formatPlatform(platform)} in this archive; it is for ${offered}`,
  );
}

function tagsOf({ annotations }: Descriptor): Reference[] {
  const name = annotations[NAME_ANNOTATION] ?? annotations[REF_ANNOTATION] ?? '';
  // A bare word is a tag without a name, by the specification.
  if (!/[:/]/.test(name)) return [];
  const reference = tryParseReference(name);
  return reference?.tag === undefined || reference.digest !== undefined ? [] : [reference];
}

function blobName({ digest }: Descriptor): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** The file must be what its descriptor says, byte for byte. */
function stagedBlob(spool: ArchiveSpool, descriptor: Descriptor): StagedBlob {
  const blob = spool.get(blobName(descriptor));
  if (blob.digest !== descriptor.digest || blob.sizeBytes !== descriptor.size) {
    throw new EngineError(
      'invalid',
      `invalid archive: blob ${descriptor.digest} of ${descriptor.size} bytes is ${blob.digest} of ${blob.sizeBytes}`,
    );
  }
  return blob;
}
