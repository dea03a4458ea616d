import type { Readable } from 'node:stream';
import { throwIfAborted } from '#base/abortable';
import { digestOf } from '#base/ids';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { type Platform, parsePlatform } from '#spec/oci/platform';
import { type Compression, detectCompression, MAGIC_BYTES } from '#store/compression';
import type { ContentStore } from '#store/content-store';
import { checkSpace, SpaceCheck } from '#store/disk-space';
import type { JailPool } from '#store/jail-pool';
import { applyChanges } from './config-changes.ts';
import type { NewImage } from './image-adder.ts';
import { StagedFile } from './staged-file.ts';

export interface ImportRequest {
  readonly message?: string;
  readonly changes?: readonly string[];
  readonly platform?: string;
}

export interface ImportDeps {
  readonly content: ContentStore;
  readonly jail: Pick<JailPool, 'measure'>;
  readonly platform: Platform;
}

const SUFFIX: Readonly<Record<Compression, string>> = { none: '', gzip: '.gzip', zstd: '.zstd' };

/** An image of one layer, which is the archive as it came. Disposal removes what was not published. */
export async function importedImage(
  tar: Readable,
  { message = 'Imported from -', changes = [], platform }: ImportRequest,
  deps: ImportDeps,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly image: NewImage }> {
  const config = applyChanges(changes);
  const target = platform === undefined ? deps.platform : parsePlatform(platform);
  await using parts = new AsyncDisposableStack();
  const { layer, compression } = await stageLayer(tar, deps.content, signal, parts);
  const diffId =
    compression === 'none' ? layer.digest : (await deps.jail.measure(layer.path, { signal })).diffId;
  const created = new Date().toISOString();
  const bytes = Buffer.from(
    JSON.stringify({
      created,
      ...target,
      config,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created, comment: message }],
    }),
  );
  const mediaType = `${MEDIA_TYPES.dockerLayer}${SUFFIX[compression]}`;
  const owned = parts.move();
  return {
    image: { config: { bytes, digest: digestOf(bytes) }, layers: [{ blob: layer, mediaType }] },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The archive as it came, in a file that goes with `parts`. `onBytes` gets how much there is. */
export async function stageLayer(
  tar: Readable,
  content: ContentStore,
  signal: AbortSignal,
  parts: AsyncDisposableStack,
  onBytes: (writtenBytes: number) => void = () => undefined,
): Promise<{ readonly layer: StagedFile; readonly compression: Compression }> {
  const writer = parts.use(await content.writer());
  let head = Buffer.alloc(0);
  const space = new SpaceCheck(() => checkSpace(writer.path));
  for await (const chunk of tar) {
    throwIfAborted(signal);
    const bytes = chunk as Buffer; // no encoding is set
    if (head.length < MAGIC_BYTES) head = Buffer.concat([head, bytes.subarray(0, MAGIC_BYTES)]);
    await writer.write(bytes);
    onBytes(writer.size);
    space.passed(bytes.length);
  }
  return { layer: await StagedFile.seal(writer), compression: detectCompression(head) };
}
