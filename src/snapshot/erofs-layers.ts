import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError, messageOf } from '#base/errors';
import type { ArchiveInput } from '#store/archive-source';
import type { GroupOptions, JailPool } from '#store/jail-pool';
import { LAYER_INDEX, LAYER_PACKED, LAYER_TAR } from '#store/layer-files';
import type { Mounts } from '#sys/mount';
import { isErrno } from '#sys/sys-error';
import type { LayerFormat, ReadLayer } from './layer-format.ts';
import type { SnapshotDirectories } from './snapshot-directories.ts';

export interface ErofsLayersDeps {
  readonly directories: SnapshotDirectories;
  readonly jail: Pick<JailPool, 'index' | 'sealIndex'>;
  readonly mounts: Mounts;
}

/** Nothing of a layer is run or opened through this mount: overlayfs is put over it. */
const FLAGS = ['ro', 'nodev', 'nosuid'];

/**
 * Layers kept as their tar, with an EROFS index mounted over it:
 *
 *   <number>/layer.tar     as it came, decompressed; perhaps another name of the blob
 *   <number>/layer.erofs   names and attributes; the contents are in the tar
 *   <number>/fs            where it is mounted, from when it is first needed
 *
 * Packed, later, when nobody waits (see LayerPacking):
 *
 *   <number>/layer.packed  names, attributes and contents, compressed, instead of the index
 *   <number>/layer.frame   what the tar has beside contents, instead of the tar
 *
 * No file is ever made on the host from a name in an archive, and a layer is removed by unlinking two files.
 */
export class ErofsLayers implements LayerFormat {
  readonly #deps: ErofsLayersDeps;

  constructor(deps: ErofsLayersDeps) {
    this.#deps = deps;
  }

  async read(id: number, archive: ArchiveInput, options: GroupOptions): Promise<ReadLayer> {
    const { jail, directories } = this.#deps;
    const directory = dirname(directories.createNew(id));
    const taken = await jail.index({ archive, directory }, options);
    return {
      taken,
      seal: async (parents, sealing) => {
        await jail.sealIndex({ directory, parents: await parents(), implicit: taken.implicit }, sealing);
        return { taken, usage: { sizeBytes: taken.index.contentBytes, inodes: taken.index.inodes } };
      },
    };
  }

  directory(id: number): string {
    const target = this.#deps.directories.fs(id);
    if (!isMountedOver(target)) this.#mount(id, target);
    return target;
  }

  release(id: number): void {
    const target = this.#deps.directories.fs(id);
    if (isMountedOver(target)) this.#deps.mounts.unmount(target);
  }

  #mount(id: number, target: string): void {
    const own = dirname(target);
    const packed = join(own, LAYER_PACKED);
    try {
      if (existsSync(packed)) mountPacked(this.#deps.mounts, packed, target);
      else mountIndex(this.#deps.mounts, own, target);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) {
        throw new EngineError('dataLoss', `the files of a layer are gone: ${own}`, { cause: error });
      }
      throw new EngineError('unavailable', `cannot mount layer ${id} (${own}): ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** Mounts a packed layer, where it is one. @throws {SysError} */
export function mountPacked(mounts: Mounts, packed: string, target: string): void {
  mounts.mount(target, { type: 'erofs', source: packed, options: FLAGS });
}

/** Mounts the index in `directory`, or another one there, over the tar beside it. @throws {SysError} */
export function mountIndex(
  mounts: Pick<Mounts, 'mount'>,
  directory: string,
  target: string,
  { index = LAYER_INDEX }: { readonly index?: string } = {},
): void {
  const tar = join(directory, LAYER_TAR);
  const mount = (device: string): void =>
    mounts.mount(target, {
      type: 'erofs',
      source: join(directory, index),
      options: [...FLAGS, `device=${device}`],
    });
  if (!tar.includes(',')) return mount(tar);
  // In mount options a comma cannot be escaped.
  const fd = openSync(tar, 'r');
  try {
    mount(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** A mounted file system has another device number than the directory above; asking costs a microsecond. */
function isMountedOver(target: string): boolean {
  const own = statSync(target, { throwIfNoEntry: false });
  return own !== undefined && own.dev !== statSync(dirname(target)).dev;
}
