import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { freeSpace, RESERVE_BYTES } from '#store/disk-space';
import type { JailPool } from '#store/jail-pool';
import { LAYER_FRAME, LAYER_INDEX, LAYER_PACKED, LAYER_SHOWN, LAYER_TAR } from '#store/layer-files';
import type { Mounts } from '#sys/mount';
import { type ErofsLayers, mountIndex, mountPacked } from './erofs-layers.ts';

export interface LayerPackingDeps {
  /** numbers of all layers that are kept as a tar, packed or not */
  readonly layers: () => readonly number[];
  /** `<root>/<number>` */
  readonly directoryOf: (id: number) => string;
  /** where a packed layer is mounted to be looked at, and a layer to be packed where its own mount does not show all of it */
  readonly proof: string;
  readonly shown: string;
  readonly format: Pick<ErofsLayers, 'directory' | 'release'>;
  readonly jail: Pick<JailPool, 'run'>;
  readonly mounts: Mounts;
  /** Makes a compressed file system of a tree, of which it trusts nothing. @returns false when that would take more than `maxBytes`. */
  readonly make: (job: {
    readonly from: string;
    readonly to: string;
    readonly maxBytes: number;
    readonly signal: AbortSignal;
  }) => Promise<boolean>;
  readonly logger: Logger;
  /** smaller tars stay as they are; default 1 MiB */
  readonly minTarBytes?: number;
}

/** Less is not worth it. */
const MIN_TAR_BYTES = 1024 * 1024;
/** What saves less than a tenth stays as it is. */
const MAX_RATIO = 0.9;
/** Holes are not kept when a file is compressed: a tar that is far smaller than what it shows stays one. */
const MAX_GROWTH = 3;
/** Beside the tar: it was tried, and stays. */
const KEPT = 'layer.kept';

/**
 * Packs layers when nobody waits for anything: a compressed file system takes the place of tar and index. First it is proved
 * that it shows the same, and that the tar can be made of it again, byte for byte.
 *
 * `layer.packed` appears by a rename, and from then on counts; what a crash leaves beside it is removed with the next look.
 */
export class LayerPacking {
  readonly #deps: LayerPackingDeps;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: LayerPackingDeps) {
    this.#deps = deps;
  }

  /** At start: removes what an engine that died has mounted. */
  sweep(): void {
    this.#clear(this.#deps.proof);
    this.#clear(this.#deps.shown);
  }

  /** Looks at every layer, one at a time. Never fails: a layer that cannot be packed stays as it is. */
  async packAll(signal: AbortSignal): Promise<void> {
    const run = this.#running.then(() => this.#packEach(signal));
    this.#running = run;
    await run;
  }

  async #packEach(signal: AbortSignal): Promise<void> {
    for (const id of this.#deps.layers()) {
      if (signal.aborted) return;
      const directory = this.#deps.directoryOf(id);
      try {
        if (existsSync(join(directory, LAYER_PACKED))) this.#removeRest(directory);
        else if (this.#isWorthIt(directory)) await this.#pack(id, directory, signal);
      } catch (error) {
        if (existsSync(join(directory, LAYER_PACKED))) {
          // It counts, and its frame with it; the next look removes the rest.
          this.#deps.logger.warn('a layer was packed, with trouble', { layer: id, error: messageOf(error) });
          continue;
        }
        this.#abandon(directory);
        if (signal.aborted || !existsSync(directory)) continue; // it is tried again; or the layer is gone
        if (isKind(error, 'unavailable')) {
          this.#deps.logger.warn('layers are not packed this time', { error: messageOf(error) });
          return; // that is not the layer's fault
        }
        this.#deps.logger.warn('a layer stays as it is: it cannot be packed', {
          layer: id,
          error: messageOf(error),
        });
        writeFileSync(join(directory, KEPT), '');
      }
    }
  }

  async #pack(id: number, directory: string, signal: AbortSignal): Promise<void> {
    const { format, jail, make } = this.#deps;
    this.#abandon(directory); // of an attempt that was cut
    const frame = await jail.run('frameLayer', { directory }, { signal });
    const { diffId, tarBytes, apparentBytes } = frame;
    // The jail of what packs it has no power over the host, and would not see what is only for those who have.
    if (frame.isPrivileged || apparentBytes > tarBytes * MAX_GROWTH) return keep(directory);
    if ((await freeSpace(directory)).bytes < tarBytes + RESERVE_BYTES) {
      this.#abandon(directory);
      this.#deps.logger.info('a layer is packed when there is more room', { layer: id });
      return;
    }
    const made = join(directory, `${LAYER_PACKED}.new`);
    const indexed = format.directory(id);
    const job = { to: made, maxBytes: tarBytes, signal };
    const isMade = frame.hasOpaque
      ? await this.#makeOfShown(directory, job)
      : await make({ from: indexed, ...job });
    if (!isMade || statSync(made).size > tarBytes * MAX_RATIO) {
      this.#abandon(directory);
      return keep(directory);
    }
    await this.#prove({ directory, indexed, made, diffId }, signal);
    await this.#switch(id, directory, made);
    this.#deps.logger.debug('packed a layer', {
      layer: id,
      tarBytes,
      packedBytes: statSync(join(directory, LAYER_PACKED)).size,
    });
  }

  /** From a mount of its own, which shows opaque directories by an attribute that everybody sees; in what is made of it they are again what they were. */
  async #makeOfShown(
    directory: string,
    job: Omit<Parameters<LayerPackingDeps['make']>[0], 'from'>,
  ): Promise<boolean> {
    const { jail, mounts, make, shown } = this.#deps;
    const { signal } = job;
    const index = { copyOf: join(directory, LAYER_INDEX), file: join(directory, LAYER_SHOWN) };
    try {
      await jail.run('renameOpaque', { ...index, from: 'trusted', to: 'user' }, { signal });
      this.#clear(shown); // of an engine that died
      mkdirSync(shown, { recursive: true, mode: 0o700 });
      mountIndex(mounts, directory, shown, { index: LAYER_SHOWN });
      if (!(await make({ from: shown, ...job }))) return false;
    } finally {
      this.#clear(shown);
      rmSync(index.file, { force: true });
    }
    await jail.run('renameOpaque', { file: job.to, from: 'user', to: 'trusted' }, { signal });
    return true;
  }

  async #prove(
    {
      directory,
      indexed,
      made,
      diffId,
    }: { directory: string; indexed: string; made: string; diffId: `sha256:${string}` },
    signal: AbortSignal,
  ): Promise<void> {
    const { jail, mounts } = this.#deps;
    const packed = this.#deps.proof;
    this.#clear(packed); // of an engine that died
    mkdirSync(packed, { recursive: true, mode: 0o700 });
    mountPacked(mounts, made, packed);
    try {
      await jail.run('proveLayer', { directory, indexed, packed, diffId }, { signal });
    } finally {
      this.#clear(packed);
    }
  }

  /** Whoever comes to mount the layer finds it mounted, before and after: nothing is awaited between. */
  async #switch(id: number, directory: string, made: string): Promise<void> {
    for (const path of [made, directory]) {
      await using handle = await open(path, 'r');
      await handle.sync();
    }
    if (!existsSync(directory)) return; // removed meanwhile
    renameSync(made, join(directory, LAYER_PACKED)); // point of no return
    this.#deps.format.release(id);
    this.#deps.format.directory(id);
    this.#removeRest(directory);
  }

  #isWorthIt(directory: string): boolean {
    const tar = statSync(join(directory, LAYER_TAR), { throwIfNoEntry: false });
    const { minTarBytes = MIN_TAR_BYTES } = this.#deps;
    // With another name it is a blob as well, and would not go.
    const isOnlyTar = tar !== undefined && tar.nlink === 1 && tar.size >= minTarBytes;
    return isOnlyTar && !existsSync(join(directory, KEPT));
  }

  #removeRest(directory: string): void {
    for (const name of [LAYER_TAR, LAYER_INDEX]) rmSync(join(directory, name), { force: true });
  }

  #abandon(directory: string): void {
    for (const name of [LAYER_FRAME, LAYER_SHOWN, `${LAYER_PACKED}.new`])
      rmSync(join(directory, name), { force: true });
  }

  #clear(target: string): void {
    this.#deps.mounts.unmount(target);
    rmSync(target, { recursive: true, force: true });
  }
}

function keep(directory: string): void {
  rmSync(join(directory, LAYER_FRAME), { force: true });
  writeFileSync(join(directory, KEPT), '');
}
