import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Abortable, throwIfAborted } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import type { GrowingFile } from '#store/growing-file';
import type { JailPool } from '#store/jail-pool';
import { LAYER_FRAME } from '#store/layer-files';
import type { TarPlace } from '#store/tar-place';
import type { Mounts } from '#sys/mount';
import { DirectoryLayers } from './directory-layers.ts';
import { DraftedLayer } from './drafted-layer.ts';
import { ErofsLayers } from './erofs-layers.ts';
import type { LayerFormat, LayerFormatName, ReadLayer } from './layer-format.ts';
import { archiveInput, LayerIntake, verifyLayer } from './layer-intake.ts';
import { LayerPacking, type LayerPackingDeps } from './layer-packing.ts';
import { SnapshotDirectories } from './snapshot-directories.ts';
import { type SnapshotRecord, SnapshotTable, type StackedLayer } from './snapshot-table.ts';
import type {
  LayerDraft,
  LayerSource,
  LayerTars,
  MountSpec,
  Snapshotter,
  SnapshotUsage,
  StorageDriver,
  TakenLayer,
} from './snapshotter.ts';

export interface OverlaySnapshotterDeps {
  readonly db: Database;
  /** `<data root>/snapshots`; its file system must be able to hold the upper directory of an overlay */
  readonly root: string;
  readonly jail: Pick<
    JailPool,
    'extract' | 'adopt' | 'index' | 'sealIndex' | 'removeTree' | 'usage' | 'sync'
  >;
  readonly mounts: Mounts;
  /** how new layers are kept; those that are there stay as they are */
  readonly format: LayerFormatName;
  /** absent: layers are not packed */
  readonly packing?: Pick<LayerPackingDeps, 'make' | 'jail' | 'minTarBytes'>;
  /** told of each layer that is kept as its tar from now on */
  readonly onTar?: (diffId: Digest, layer: TakenLayer) => void;
  readonly logger: Logger;
}

/** After the last of several layers: no thread of theirs is taken away for it. */
const SYNC_AFTER_MS = 2000;
/** OVL_MAX_STACK of the kernel (fs/overlayfs/params.h) is 500: to be read without being written to, a container's own layer is one of them. */
const MAX_LAYERS = 499;

/**
 * What Docker gives, and two that keep the upper directory readable without overlayfs, whatever the kernel was built
 * with: a layer is made from it later.
 */
const OPTIONS = ['index=off', 'metacopy=off', 'redirect_dir=off'];

/** Snapshots stacked by overlayfs: layers in one of two formats, mixed as they come, and directories to write into. */
export class OverlaySnapshotter implements Snapshotter, LayerTars, Disposable {
  readonly driver: StorageDriver;
  readonly #table: SnapshotTable;
  readonly #directories: SnapshotDirectories;
  readonly #formats: Readonly<Record<LayerFormatName, LayerFormat>>;
  readonly #deps: OverlaySnapshotterDeps;
  readonly #packing: LayerPacking | undefined;
  readonly #intake = new LayerIntake({ hasCommitted: name => this.hasCommitted(name) });
  /** numbers of layers that are being unpacked */
  readonly #unpacking = new Set<number>();
  readonly #work = new Set<Promise<void>>();
  #lastId: number;
  #syncTimer: NodeJS.Timeout | undefined;

  constructor(deps: OverlaySnapshotterDeps) {
    this.#deps = deps;
    this.#table = new SnapshotTable(deps.db);
    this.driver = deps.format === 'erofs' ? 'erofs' : 'overlay2';
    const directories = new SnapshotDirectories(deps);
    this.#directories = directories;
    this.#formats = {
      directory: new DirectoryLayers({ ...deps, directories }),
      erofs: new ErofsLayers({ ...deps, directories }),
    };
    this.#packing = deps.packing && this.#createPacking(deps.packing);
    // A number that a crash left a directory for must not be given out again.
    this.#lastId = Math.max(this.#table.lastId(), 0, ...this.#directories.list());
  }

  hasCommitted(name: string): boolean {
    return this.#table.find(name)?.kind === 'committed';
  }

  committedNames(): string[] {
    return this.#table.list().flatMap(({ kind, name }) => (kind === 'committed' ? [name] : []));
  }

  ensureLayer(
    name: string,
    parent: string | undefined,
    source: LayerSource,
    options?: Abortable,
  ): Promise<TakenLayer | undefined> {
    const add = (signal: AbortSignal) => this.#addLayer(name, parent, source, signal);
    return this.#intake.ensure(name, source, add, options);
  }

  readAhead(archive: GrowingFile): LayerDraft {
    const id = this.#beginNew();
    const format = this.#formats[this.#deps.format];
    const read = (signal: AbortSignal): Promise<ReadLayer> =>
      format.read(id, { path: archive.path, growth: archive.shared }, { signal });
    return new DraftedLayer(id, read, () => this.#abandonNew(id));
  }

  prepare(key: string, parent: string | undefined): void {
    if (this.#table.find(key)) throw new EngineError('conflict', `snapshot ${key} exists already`);
    const below = parent === undefined ? undefined : this.#committed(parent);
    if (below) checkDepth(this.#table.chain(below.id).length);
    const id = this.#nextId();
    this.#directories.createActive(id, below && this.#show(below));
    this.#table.insert({
      id,
      kind: 'active',
      name: key,
      format: 'directory',
      ...(below ? { parent: below.id } : {}),
    });
  }

  mounts(key: string): MountSpec {
    const { id, parent } = this.#get(key, 'active');
    const upper = this.#directories.fs(id);
    if (parent === undefined) return { type: 'bind', source: upper, options: ['rbind', 'rw'] };
    const lowers = this.#stack(parent);
    const options = [
      ...OPTIONS,
      `lowerdir=${lowers.map(escapePath).join(':')}`,
      `upperdir=${escapeOption(upper)}`,
      `workdir=${escapeOption(this.#directories.work(id))}`,
    ];
    return { type: 'overlay', source: 'overlay', options };
  }

  readOnlyMounts(key: string): MountSpec {
    const { upper, lowers } = this.directories(key);
    return readOnly([upper, ...lowers]);
  }

  viewMounts(name: string): MountSpec {
    return readOnly(this.#stack(this.#committed(name).id));
  }

  layerDirectories(name: string): readonly string[] {
    return this.#stack(this.#committed(name).id);
  }

  directories(key: string): { readonly upper: string; readonly lowers: readonly string[] } {
    const { id, parent } = this.#get(key, 'active');
    return { upper: this.#directories.fs(id), lowers: parent === undefined ? [] : this.#stack(parent) };
  }

  async usage(keyOrName: string, options: Abortable = {}): Promise<SnapshotUsage> {
    const record = this.#table.find(keyOrName);
    if (!record) throw notFound(keyOrName);
    if (record.usage) return record.usage;
    const { sizeBytes, inodes } = await this.#deps.jail.usage(this.#show(record), options);
    if (record.kind === 'committed') this.#table.setUsage(record.id, { sizeBytes, inodes });
    return { sizeBytes, inodes };
  }

  remove(keyOrName: string): void {
    const record = this.#table.find(keyOrName);
    if (!record) return;
    if (this.#table.hasChildren(record.id)) {
      throw new EngineError('conflict', `snapshot ${keyOrName} is in use: others stand on it`);
    }
    this.#table.delete(record.id); // point of no return: what is left on disk is swept at the next start
    void this.#track(this.#discardLater(record.id));
  }

  async sweep(isOwned: (key: string) => boolean): Promise<void> {
    for (const { kind, name } of this.#table.list()) {
      if (kind === 'active' && !isOwned(name)) this.remove(name);
    }
    const owned = new Set(this.#table.list().map(({ id }) => id));
    for (const id of this.#directories.list()) {
      if (!owned.has(id) && !this.#unpacking.has(id)) this.#discard(id);
    }
    this.#packing?.sweep();
    this.#directories.sweep(id => this.#unpacking.has(id));
    await this.settled();
  }

  /** Waits for removals and for layers that nobody waits for any more, as tests and a clean shutdown want. */
  async settled(): Promise<void> {
    await this.#intake.settled();
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    await this.#directories.settled();
  }

  tarOf(diffId: Digest): TarPlace | undefined {
    for (const id of this.#table.withDiffId(diffId, 'erofs')) {
      const tar = this.#directories.tar(id);
      if (existsSync(tar)) return { tar };
      const frame = join(dirname(tar), LAYER_FRAME);
      if (!existsSync(frame) || !existsSync(this.#directories.fs(id))) continue; // files of it are gone
      return { frame, root: this.#formats.erofs.directory(id) };
    }
    return undefined;
  }

  async pack(signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.#packing?.packAll(signal);
  }

  isKeptAsTar(diffId: Digest): boolean {
    const isTar = this.#table.withDiffId(diffId, 'erofs').length > 0;
    return isTar && this.#table.withDiffId(diffId, 'directory').length === 0;
  }

  /** Unmounts layers, for a clean shutdown. Containers that run keep what they have; the next start mounts what it needs. */
  [Symbol.dispose](): void {
    for (const { id, format } of this.#table.list()) this.#formats[format].release(id);
  }

  async #addLayer(
    name: string,
    parent: string | undefined,
    source: LayerSource,
    signal: AbortSignal,
  ): Promise<TakenLayer> {
    const draft = source.draft instanceof DraftedLayer ? source.draft.claim() : undefined;
    const id = draft?.id ?? this.#beginNew();
    const { format } = this.#deps;
    const options = { signal, ...(source.group === undefined ? {} : { group: source.group }) };
    const parents = async (): Promise<readonly string[]> => {
      await this.#intake.parentOf(parent, signal);
      return parent === undefined ? [] : this.layerDirectories(parent);
    };
    try {
      const read = await (draft?.read ?? this.#formats[format].read(id, archiveInput(source), options));
      verifyLayer(source, read.taken);
      const { taken, usage } = await read.seal(parents, options);
      throwIfAborted(signal);
      await this.#directories.publish(id, { isSynced: format === 'erofs' });
      if (this.hasCommitted(name)) {
        this.#discard(id); // it came by another way meanwhile
        return taken;
      }
      const below = parent === undefined ? undefined : this.#committed(parent).id;
      this.#table.insert({
        id,
        kind: 'committed',
        name,
        format,
        diffId: source.diffId,
        ...(below === undefined ? {} : { parent: below }),
        ...(usage ? { usage } : {}),
      });
      if (format === 'directory') this.#syncSoon();
      else this.#deps.onTar?.(source.diffId, taken);
      return taken;
    } catch (error) {
      this.#abandonNew(id);
      throw error;
    } finally {
      this.#unpacking.delete(id);
    }
  }

  /** A number, with a directory in `new` that is nobody's to sweep. */
  #beginNew(): number {
    const id = this.#nextId();
    this.#unpacking.add(id);
    return id;
  }

  #abandonNew(id: number): void {
    this.#directories.discardNew(id);
    this.#discard(id);
    this.#unpacking.delete(id);
  }

  #createPacking(parts: Pick<LayerPackingDeps, 'make' | 'jail' | 'minTarBytes'>): LayerPacking {
    const { mounts, logger, root } = this.#deps;
    return new LayerPacking({
      ...parts,
      layers: () => this.#table.list().flatMap(({ id, format }) => (format === 'erofs' ? [id] : [])),
      directoryOf: id => dirname(this.#directories.tar(id)),
      proof: join(root, 'proof'),
      shown: join(root, 'shown'),
      format: this.#formats.erofs,
      mounts,
      logger,
    });
  }

  /** Directories of a layer and of those below, uppermost first. */
  #stack(id: number): string[] {
    return this.#table.chain(id).map(layer => this.#show(layer));
  }

  #show({ id, format }: StackedLayer): string {
    return this.#formats[format].directory(id);
  }

  #discard(id: number): void {
    this.#formats.erofs.release(id);
    this.#directories.discard(id);
  }

  /** A power cut must not bring the row back when the files are gone already. */
  async #discardLater(id: number): Promise<void> {
    try {
      await this.#deps.db.synced();
      this.#discard(id);
    } catch (error) {
      this.#deps.logger.warn('cannot remove a snapshot; the next start does', {
        id,
        error: messageOf(error),
      });
    }
  }

  /**
   * The files of a layer would reach the disk within half a minute by themselves, and a power cut before that leaves
   * some of them empty. Nobody waits for the disk, but it does not have to take that long.
   */
  #syncSoon(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = setTimeout(() => void this.#syncLayers(), SYNC_AFTER_MS).unref();
  }

  async #syncLayers(): Promise<void> {
    try {
      await this.#deps.jail.sync(this.#deps.root);
    } catch (error) {
      // Also at shutdown, when there are no threads any more.
      this.#deps.logger.debug('cannot sync the file system of layers', { error: messageOf(error) });
    }
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#work.add(work);
    try {
      await work;
    } finally {
      this.#work.delete(work);
    }
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #committed(name: string): SnapshotRecord {
    return this.#get(name, 'committed');
  }

  #get(name: string, kind: SnapshotRecord['kind']): SnapshotRecord {
    const record = this.#table.find(name);
    if (!record || record.kind !== kind) throw notFound(name);
    if (!existsSync(this.#directories.fs(record.id))) {
      throw new EngineError(
        'dataLoss',
        `the files of snapshot ${name} are gone: ${this.#directories.fs(record.id)}`,
      );
    }
    return record;
  }
}

/** Directories of layers, uppermost first. */
function readOnly(layers: readonly string[]): MountSpec {
  const [only] = layers;
  // Without an upper directory overlayfs wants at least two others.
  if (layers.length === 1 && only !== undefined)
    return { type: 'bind', source: only, options: ['rbind', 'ro'] };
  return {
    type: 'overlay',
    source: 'overlay',
    options: ['ro', ...OPTIONS, `lowerdir=${layers.map(escapePath).join(':')}`],
  };
}

/** @throws {EngineError} `invalid`, which begins in Docker's words. */
function checkDepth(layers: number): void {
  if (layers <= MAX_LAYERS) return;
  throw new EngineError(
    'invalid',
    `max depth exceeded: the image has ${layers} layers, a container can have ${MAX_LAYERS} below its own; "quai image squash" makes fewer of them`,
  );
}

function notFound(name: string): EngineError {
  return new EngineError('notFound', `no such snapshot: ${name}`);
}

/** In `lowerdir` a colon separates; a comma separates options; a backslash keeps either. */
function escapePath(path: string): string {
  return path.replace(/[\\:,]/g, String.raw`\$&`);
}

function escapeOption(path: string): string {
  return path.replace(/[\\,]/g, String.raw`\$&`);
}
