import { closeSync, constants } from 'node:fs';
import { EngineError } from '#base/errors';
import { displayName } from '#spec/tar/byte-string';
import {
  type FileStat,
  openAt,
  openSubdirectory,
  readDirectory,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
  statAt,
} from '#sys/at';
import { isErrno } from '#sys/sys-error';
import { getXattr } from '#sys/xattr';
import type { PackLayersInput } from './jail-jobs.ts';
import { TreePacker } from './tree-packer.ts';

const { O_DIRECTORY, O_RDONLY } = constants;
const OPAQUE_XATTR = 'trusted.overlay.opaque';
/** Each level costs a descriptor for each layer that has it. */
const MAX_DEPTH = 1000;

/**
 * Writes the one layer that a stack of layers makes, as overlayfs shows them. What one of them deletes of another is in neither
 * form in it, not even by name; deletions stay where there is something below to delete.
 */
export function packLayers({ layers, below, fd }: PackLayersInput, shouldStop: () => boolean): void {
  const packer = new StackPacker(new TreePacker(fd, shouldStop), shouldStop);
  using own = new OpenDirectories();
  using lower = new OpenDirectories();
  for (const layer of layers) own.add(openAt(layer, '.', O_RDONLY | O_DIRECTORY));
  for (const layer of below) lower.add(openAt(layer, '.', O_RDONLY | O_DIRECTORY));
  packer.directory(own, lower, '', 0);
  packer.end();
}

/** The directories of one path in the layers that show something of it, uppermost first. */
class OpenDirectories implements Disposable {
  readonly fds: number[] = [];
  /** whether nothing of further layers shows through */
  hidesBelow = false;

  add(fd: number): void {
    this.fds.push(fd);
    if (isOpaque(fd)) this.hidesBelow = true;
  }

  [Symbol.dispose](): void {
    for (const fd of this.fds.splice(0)) closeSync(fd);
  }
}

class StackPacker {
  readonly #packer: TreePacker;
  readonly #shouldStop: () => boolean;

  constructor(packer: TreePacker, shouldStop: () => boolean) {
    this.#packer = packer;
    this.#shouldStop = shouldStop;
  }

  directory(own: OpenDirectories, below: OpenDirectories, path: string, depth: number): void {
    if (this.#shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
    if (depth > MAX_DEPTH) throw new EngineError('invalid', `"${displayName(path)}" is too deep`);
    const [top] = own.fds;
    if (top === undefined) throw new TypeError('a directory is in one layer at least');
    this.#packer.directoryEntry(top, path);
    if (own.hidesBelow && below.fds.length > 0) this.#packer.mark(inside(path, '.wh..wh..opq'));
    using none = new OpenDirectories();
    const visible = own.hidesBelow ? none : below;
    const seen = new Set<string>();
    for (const fd of own.fds) {
      for (const { name } of readDirectory(fd)) {
        const text = name.toString('latin1', 0, name.length - 1);
        if (seen.has(text)) continue; // a layer above has it
        seen.add(text);
        this.#entry(own, visible, { fd, name, path: inside(path, text), parent: path, text }, depth);
      }
    }
  }

  end(): void {
    this.#packer.end();
  }

  #entry(
    own: OpenDirectories,
    below: OpenDirectories,
    { fd, name, path, parent, text }: StackEntry,
    depth: number,
  ): void {
    const stat = statAt(fd, name);
    if (isWhiteout(stat)) {
      if (isVisible(below, name)) this.#packer.mark(inside(parent, `.wh.${text}`));
      return;
    }
    if ((stat.mode & S_IFMT) !== S_IFDIR) return this.#packer.entry(fd, name, path, depth + 1);
    using directories = subdirectories(own, name);
    using lower = subdirectories(below, name);
    this.directory(directories, lower, path, depth + 1);
  }
}

interface StackEntry {
  /** directory of the uppermost layer that has it */
  readonly fd: number;
  readonly name: Buffer;
  readonly path: string;
  readonly parent: string;
  readonly text: string;
}

/** Directories of that name, down to the first layer that has something else there or hides what is below. */
function subdirectories(parents: OpenDirectories, name: Buffer): OpenDirectories {
  const found = new OpenDirectories();
  try {
    for (const parent of parents.fds) {
      if (found.hidesBelow) break;
      const stat = statIfThere(parent, name);
      if (!stat) continue;
      if ((stat.mode & S_IFMT) === S_IFDIR) found.add(openSubdirectory(parent, name));
      else found.hidesBelow = true;
    }
    return found;
  } catch (error) {
    found[Symbol.dispose]();
    throw error;
  }
}

function isVisible(directories: OpenDirectories, name: Buffer): boolean {
  for (const fd of directories.fds) {
    const stat = statIfThere(fd, name);
    if (stat) return !isWhiteout(stat);
  }
  return false;
}

function statIfThere(fd: number, name: Buffer): FileStat | undefined {
  try {
    return statAt(fd, name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isWhiteout({ mode, deviceMajor, deviceMinor }: FileStat): boolean {
  return (mode & S_IFMT) === S_IFCHR && deviceMajor === 0 && deviceMinor === 0;
}

function isOpaque(fd: number): boolean {
  return getXattr(`/proc/self/fd/${fd}/.`, OPAQUE_XATTR)?.toString('latin1') === 'y';
}

function inside(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
