import type { Abortable } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import type { KeyedMutex } from '#base/keyed-mutex';
import type { Database } from '#store/database';
import { notRenamable, volumeLost, volumeNotFound } from './errors.ts';
import { LOCAL_DRIVER, type Volume } from './volume.ts';
import type { VolumeDirectories } from './volume-directories.ts';
import type { VolumeMounting } from './volume-mounting.ts';
import { checkVolumeName } from './volume-name.ts';
import type { VolumeTable } from './volume-table.ts';

export interface RenameOptions extends Abortable {
  /** Writes the new name into what refers to the volume, in the same commit. */
  readonly follow?: (renamed: Volume) => undefined;
}

export interface VolumeRenamerDeps {
  readonly db: Database;
  readonly table: VolumeTable;
  readonly directories: VolumeDirectories;
  readonly mounting: VolumeMounting;
  readonly locks: KeyedMutex;
  readonly events: EventSink;
}

/**
 * Gives a volume another name. Its directory moves with one rename(2): who has it mounted keeps it, and the path that
 * users know, `…/volumes/NAME/_data`, is true again. Note → directory → rows and note in one commit: cut short, the
 * directory goes back to its old name at the next start.
 */
export class VolumeRenamer {
  readonly #deps: VolumeRenamerDeps;

  constructor(deps: VolumeRenamerDeps) {
    this.#deps = deps;
  }

  /** @throws {EngineError} `notFound`, `conflict` when the new name is taken, `invalid` when it is none. */
  async rename(from: string, to: string, { follow, ...abortable }: RenameOptions = {}): Promise<Volume> {
    const { db, table, directories, mounting, locks, events } = this.#deps;
    if (!table.find(from)) throw volumeNotFound(from); // what is wrong first is told first
    checkVolumeName(to);
    if (from === to) throw new EngineError('invalid', `volume ${from} has this name already`);
    const [first, second] = [from, to].toSorted(); // in one order, so that two renamings never wait for each other
    using _one = await locks.lock(first ?? from, abortable);
    using _other = await locks.lock(second ?? to, abortable);
    const volume = table.find(from);
    if (!volume) throw volumeNotFound(from);
    if (volume.driver !== LOCAL_DRIVER) throw notRenamable(from, volume.driver);
    if (table.find(to) || directories.exists(to))
      throw new EngineError('conflict', `volume ${to} exists already`);
    if (!directories.exists(from)) throw volumeLost(volume);
    table.beginRename(from, to);
    await db.synced(); // a power cut must not keep the directory's new name and lose the note
    const renamed = { ...volume, name: to, mountpoint: directories.data(to) };
    try {
      directories.rename(from, to);
      db.transaction(() => {
        table.rename(volume, to, renamed.mountpoint);
        return follow?.(renamed);
      });
    } catch (error) {
      this.#undo(from, to);
      throw error;
    }
    mounting.renamed(from, to);
    events.emit({
      type: 'volume',
      action: 'rename',
      actor: { id: to, attributes: { driver: volume.driver, oldName: from } },
    });
    await db.synced();
    return renamed;
  }

  /** At start-up: what was cut short is undone. */
  resume(): void {
    for (const { from, to } of this.#deps.table.renames()) this.#undo(from, to);
  }

  #undo(from: string, to: string): void {
    const { directories, table } = this.#deps;
    if (!directories.exists(from) && directories.exists(to)) directories.rename(to, from);
    table.endRename(from);
  }
}
