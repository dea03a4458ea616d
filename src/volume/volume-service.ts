import type { Abortable } from '#base/abortable';
import { notImplemented } from '#base/errors';

export interface Volume {
  readonly name: string;
  readonly driver: string;
  /** host directory; `…/volumes/NAME/_data` for the local driver */
  readonly mountpoint: string;
  /** milliseconds since 1970 */
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly scope: 'local' | 'global';
  readonly isAnonymous: boolean;
}

export interface VolumeCreateOptions {
  /** absent or empty: a random 64-digit name, and the volume is anonymous */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}

export class VolumeService {
  /** Idempotent for a known name with the same driver. @throws `conflict` when the driver differs, `invalid` for a bad name. */
  async create(_options: VolumeCreateOptions, _abortable?: Abortable): Promise<Volume> {
    throw notImplemented('volume create');
  }

  /** @throws `notFound` with Docker's wording `get NAME: no such volume`. */
  get(_name: string): Volume {
    throw notImplemented('volume get');
  }

  find(_name: string): Volume | undefined {
    throw notImplemented('volume find');
  }

  list(): Volume[] {
    throw notImplemented('volume list');
  }

  /** Containers (by ID) that refer to the volume. */
  usersOf(_name: string): string[] {
    throw notImplemented('volume users');
  }

  /** Notes that a container refers to a volume; undone by {@link releaseAll}. Both idempotent. */
  addUser(_name: string, _containerId: string): void {
    throw notImplemented('volume users');
  }

  releaseAll(_containerId: string): void {
    throw notImplemented('volume users');
  }

  /** @throws `notFound`, or `conflict` (`remove NAME: volume is in use - [ids]`) while a container refers to it. */
  async remove(_name: string, _options?: Abortable): Promise<void> {
    throw notImplemented('volume remove');
  }

  /**
   * Makes the volume's directory usable, mounting it if its options ask for that. Counted per container;
   * @returns the host directory to bind.
   */
  async mount(_name: string, _containerId: string, _options?: Abortable): Promise<string> {
    throw notImplemented('volume mount');
  }

  async unmount(_name: string, _containerId: string): Promise<void> {
    throw notImplemented('volume unmount');
  }

  /**
   * Fills an empty volume with what `root` has at `path`, with owners, modes and links, and gives the volume's
   * directory that path's owner and mode. Resolves `path` inside a jail at `root`: links never lead out.
   */
  async copyUp(_name: string, _root: string, _path: string, _options?: Abortable): Promise<void> {
    throw notImplemented('volume copy-up');
  }

  /** Removes volumes no container refers to: anonymous ones, or all. @returns names and bytes freed. */
  async prune(
    _options: Abortable & { readonly all: boolean; readonly accepts: (volume: Volume) => boolean },
  ): Promise<{
    readonly removed: readonly string[];
    readonly freedBytes: number;
  }> {
    throw notImplemented('volume prune');
  }

  /** Bytes in the volume's directory. */
  async usage(_name: string, _options?: Abortable): Promise<number> {
    throw notImplemented('volume usage');
  }
}
