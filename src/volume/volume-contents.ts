import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import { newId } from '#base/ids';
import { byteString } from '#spec/tar/byte-string';
import { type Found, type LookAtInput, lookAt } from '#store/look-at';
import { spoolArchive } from '#store/spool-archive';
import { S_IFDIR, S_IFMT } from '#sys/at';
import {
  contentInUse,
  contentTooLarge,
  foreignContent,
  pathNotFound,
  snapshotNotFound,
  volumeLost,
} from './errors.ts';
import { type FarVolumes, isFar } from './far-volumes.ts';
import { sizeLimit } from './local-options.ts';
import type { SlowMounts, TreeJail } from './tree-jail.ts';
import { LOCAL_DRIVER, type Volume, type VolumeSnapshot } from './volume.ts';
import type { VolumeDirectories, Workplace } from './volume-directories.ts';
import { checkSnapshotName, checkVolumeName } from './volume-name.ts';
import type { VolumeTable } from './volume-table.ts';

/** What the work with contents asks of the volumes themselves. */
export interface VolumeRecords {
  /** @throws `notFound`. */
  get(name: string): Volume;
  find(name: string): Volume | undefined;
  /** @returns the host path. */
  mount(name: string, userId: string, options: Abortable): Promise<string>;
  unmount(name: string, userId: string): Promise<void>;
  /** A row for a directory that was made ready; the caller holds the lock of the name. */
  register(name: string, labels: Volume['labels']): Volume;
  lock(name: string, options: Abortable): Promise<Disposable>;
}

export interface VolumeContentsDeps {
  readonly volumes: VolumeRecords;
  readonly table: VolumeTable;
  readonly directories: VolumeDirectories;
  readonly jail: TreeJail & Pick<SlowMounts, 'lookAt'>;
  readonly far: FarVolumes;
  /** whether a container, by ID, is running or paused */
  readonly isRunning: (containerId: string) => boolean;
  /** a volume has other content now */
  readonly onReplaced: (name: string) => void;
  /** deletes in the background */
  readonly discard: (path: string) => void;
}

/**
 * Work with what is in volumes, without a container: copies, archives, snapshots. New content is made ready beside the
 * volumes and put in its place in one step, so that a crash leaves what was there. Trees are only touched inside jails.
 */
export class VolumeContents {
  readonly #deps: VolumeContentsDeps;

  constructor(deps: VolumeContentsDeps) {
    this.#deps = deps;
  }

  /** A tar of all that a volume has, with owners, links, holes and extended attributes; `path` only of a part of it. */
  async pack(
    name: string,
    { path = '/', ...options }: Abortable & { readonly path?: string } = {},
  ): Promise<Readable> {
    const volume = this.#deps.volumes.get(name);
    const held = await this.#hold(volume, options);
    const clean = posix.normalize(`/${path}`);
    await this.#look(volume, held, { path: clean, follows: false }, options).catch(async (error: unknown) => {
      await held.release();
      throw error;
    });
    const base = clean === '/' ? '' : byteString(posix.basename(clean));
    const onEnd = (): void => void held.release();
    return this.#deps.jail.pack({ root: held.directory, path: clean, name: base }, { ...options, onEnd });
  }

  /** Makes a volume of its own with the same content, which shares its blocks where the file system can. */
  async clone(
    name: string,
    to: string,
    { labels = {}, ...options }: Abortable & { readonly labels?: Volume['labels'] } = {},
  ): Promise<Volume> {
    const source = this.#deps.volumes.get(name);
    return await this.#newVolume(to, labels, options, workplace => this.#copyOf(source, workplace, options));
  }

  /** Unpacks a tar (plain, gzip or zstd) as the content of a volume: of a new one, or of one that no container runs with. */
  async unpack(name: string, archive: Readable, options: Abortable = {}): Promise<Volume> {
    const known = this.#deps.volumes.find(name);
    if (known) this.#refuseInUse(known);
    const fill = (workplace: Workplace): Promise<void> => this.#unpackInto(workplace, archive, options);
    if (!known) return await this.#newVolume(name, {}, options, fill);
    await this.#replace(known, options, fill);
    return known;
  }

  /** Unpacks a tar into a directory of a volume, over what is there. @throws `notFound`, `invalid`. */
  async put(name: string, path: string, archive: Readable, options: Abortable = {}): Promise<void> {
    const volume = this.#deps.volumes.get(name);
    using work = this.#workplace();
    const file = posix.join(work.place.folder, SPOOL);
    await spoolArchive(file, archive, options);
    await using held = await this.#hold(volume, options);
    const { mode } = await this.#look(volume, held, { path, follows: true }, options);
    if ((mode & S_IFMT) !== S_IFDIR) throw pathNotFound(path, '');
    await this.#deps.jail.extract(
      { archive: file, directory: held.directory, path, whiteouts: 'none' },
      options,
    );
  }

  /** What is at a path, as `docker cp` asks it. Links on the way stay inside; the last component is not followed. */
  async stat(
    name: string,
    path: string,
  ): Promise<{
    readonly name: string;
    readonly size: number;
    readonly mode: number;
    readonly mtimeMs: number;
  }> {
    const volume = this.#deps.volumes.get(name);
    await using held = await this.#hold(volume, {});
    const clean = posix.normalize(`/${path}`).replace(/(.)\/$/, '$1');
    const { size, mode, mtimeMs } = await this.#look(volume, held, { path: clean, follows: false }, {});
    return { name: posix.basename(clean) || '/', size, mode, mtimeMs };
  }

  /** @throws `notFound`; `unavailable` when it does not answer. */
  async #look(
    volume: Volume,
    { directory }: { readonly directory: string },
    at: Omit<LookAtInput, 'root'>,
    options: Abortable,
  ): Promise<Found> {
    const { far, jail } = this.#deps;
    const input = { ...at, root: directory };
    const look = isFar(volume) ? await far.within(volume, () => jail.lookAt(input), options) : lookAt(input);
    if ('errno' in look) throw pathNotFound(at.path, MISSING.includes(look.errno) ? '' : look.message);
    return look;
  }

  /** Keeps the content as it is now. The name is one of those of volumes, unique for the volume. */
  async snapshot(
    name: string,
    snapshotName: string | undefined,
    options: Abortable = {},
  ): Promise<VolumeSnapshot> {
    const volume = this.#deps.volumes.get(name);
    const createdAt = Date.now();
    const id = newId<string>();
    const made = {
      id,
      volume: name,
      name: snapshotName || new Date(createdAt).toISOString().replace(/[:.]/g, '-'),
      createdAt,
    };
    checkSnapshotName(made.name);
    const isTaken = this.snapshots(name).some(one => one.name === made.name);
    if (isTaken) throw new EngineError('conflict', `volume ${name} has a snapshot "${made.name}" already`);
    using work = this.#workplace();
    await this.#copyOf(volume, work.place, options);
    using _lock = await this.#deps.volumes.lock(name, options);
    this.#refuseGone(volume);
    this.#deps.directories.keep(work.place, id);
    this.#deps.table.insertSnapshot(made);
    return made;
  }

  /** Oldest first. */
  snapshots(name: string): VolumeSnapshot[] {
    return this.#deps.table.snapshots(this.#deps.volumes.get(name).name);
  }

  async removeSnapshot(name: string, snapshotName: string): Promise<void> {
    const { id } = this.#snapshot(name, snapshotName);
    this.#deps.table.deleteSnapshot(id); // without a row it is swept, should we not come to the rest
    const trash = this.#deps.directories.discardSnapshot(id);
    if (trash !== undefined) this.#deps.discard(trash);
  }

  /** Gives the volume the content it had, in one step; the snapshot stays. @throws `conflict` while a container runs with it. */
  async restore(name: string, snapshotName: string, options: Abortable = {}): Promise<void> {
    const volume = this.#deps.volumes.get(name);
    const { id } = this.#snapshot(name, snapshotName);
    this.#refuseInUse(volume);
    await this.#replace(volume, options, async ({ data }) => {
      const root = this.#deps.directories.snapshot(id);
      await this.#deps.jail.copyTree({ root, path: '/' }, data, options);
    });
  }

  #snapshot(name: string, snapshotName: string): VolumeSnapshot {
    const found = this.snapshots(name).find(one => one.name === snapshotName);
    if (!found) throw snapshotNotFound(name, snapshotName);
    return found;
  }

  async #copyOf(source: Volume, { data }: Workplace, options: Abortable): Promise<void> {
    await using held = await this.#hold(source, options);
    await this.#deps.jail.copyTree({ root: held.directory, path: '/' }, data, options);
  }

  async #unpackInto({ folder, data }: Workplace, archive: Readable, options: Abortable): Promise<void> {
    const file = posix.join(folder, SPOOL);
    await spoolArchive(file, archive, options);
    await this.#deps.jail.extract({ archive: file, directory: data, whiteouts: 'none' }, options);
  }

  async #newVolume(
    name: string,
    labels: Volume['labels'],
    options: Abortable,
    fill: (workplace: Workplace) => Promise<void>,
  ): Promise<Volume> {
    checkVolumeName(name);
    const refuseTaken = (): void => {
      if (this.#deps.volumes.find(name)) throw new EngineError('conflict', `volume ${name} exists already`);
    };
    refuseTaken();
    using work = this.#workplace();
    await fill(work.place);
    using _lock = await this.#deps.volumes.lock(name, options);
    refuseTaken();
    this.#deps.directories.adopt({ ...work.place, folder: work.ready() }, name);
    return this.#deps.volumes.register(name, labels);
  }

  async #replace(
    volume: Volume,
    options: Abortable,
    fill: (workplace: Workplace) => Promise<void>,
  ): Promise<void> {
    const isPlain = volume.driver === LOCAL_DRIVER && volume.options['type'] === undefined;
    if (!isPlain) throw foreignContent(volume.name);
    const limit = sizeLimit(volume.name, volume.options);
    using work = this.#workplace(limit);
    await fill(work.place);
    if (this.#deps.directories.isTooMuch(work.place)) throw contentTooLarge(volume.name, volume.options);
    await this.#deps.jail.sync(work.place.folder, options); // what it takes the place of is deleted at once
    using _lock = await this.#deps.volumes.lock(volume.name, options);
    this.#refuseGone(volume);
    this.#refuseInUse(volume);
    this.#deps.directories.create(volume.name, limit); // somebody may have deleted what this takes the place of
    this.#deps.directories.exchange(work.place, volume.name);
    this.#deps.onReplaced(volume.name);
  }

  #refuseInUse({ name }: Volume): void {
    const running = this.#deps.table.usersOf(name).filter(this.#deps.isRunning);
    if (running.length > 0) throw contentInUse(name, running);
  }

  /** What was removed or renamed while we worked: its name may be another volume's now. */
  #refuseGone({ name, createdAt }: Volume): void {
    const now = this.#deps.volumes.get(name);
    if (now.createdAt !== createdAt)
      throw new EngineError('conflict', `volume ${name} was removed and made anew meanwhile`);
  }

  /** A place for new content; what is in it when it is disposed is thrown away. */
  #workplace(limitBytes?: number): Disposable & { readonly place: Workplace; ready(): string } {
    const place = this.#deps.directories.createWorkplace(limitBytes);
    return {
      place,
      /** Without what is not for the volume. */
      ready: () => {
        const trash = this.#deps.directories.discardFolder(posix.join(place.folder, SPOOL));
        if (trash !== undefined) this.#deps.discard(trash);
        return place.folder;
      },
      [Symbol.dispose]: () => {
        const trash = this.#deps.directories.discardFolder(place.folder);
        if (trash !== undefined) this.#deps.discard(trash);
      },
    };
  }

  /** The volume's content on this host, for as long as it takes; mounted for us where that is how it comes. */
  async #hold(
    volume: Volume,
    options: Abortable,
  ): Promise<AsyncDisposable & { readonly directory: string; release(): Promise<void> }> {
    const user = `work-${newId<string>()}`;
    const isPlain = volume.driver === LOCAL_DRIVER && volume.options['type'] === undefined;
    let isHeld = !isPlain;
    const release = async (): Promise<void> => {
      if (!isHeld) return;
      isHeld = false;
      await this.#deps.volumes.unmount(volume.name, user);
    };
    const mount = async (): Promise<string> => {
      try {
        return await this.#deps.volumes.mount(volume.name, user, options);
      } catch (error) {
        await release();
        throw error;
      }
    };
    if (isPlain && !existsSync(volume.mountpoint)) throw volumeLost(volume);
    const directory = isPlain ? volume.mountpoint : await mount();
    return { directory, release, [Symbol.asyncDispose]: release };
  }
}

const SPOOL = 'archive';
const { ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG } = constants.errno;
const MISSING: readonly number[] = [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG];
