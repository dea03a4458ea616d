import { EngineError } from '#base/errors';
import { displayName } from '#spec/tar/byte-string';
import { readDirectory, statIfThere } from '#sys/at';
import type { PackLayersInput } from './jail-jobs.ts';
import { isMountStub, MOUNT_STUBS } from './mount-stubs.ts';
import { isAlike, isDirectory, isWhiteout, OpenDirectories } from './stack-directories.ts';
import { TreePacker } from './tree-packer.ts';

/** Each level costs a descriptor for each layer that has it. */
const MAX_DEPTH = 1000;
/** Names of the directories on the way, for the memory of a thread. */
const MOST_NAMES = 3_000_000;
const WHITEOUT = '.wh.';

/**
 * Writes what a stack of layers shows together, as overlayfs does: as one layer, or as a root file system. What one of them
 * deletes of another is in neither form in it, not even by name; deletions stay where there is something below to delete.
 * The uppermost may be a container's that runs: what vanishes while it is read is left out.
 */
export function packLayers(input: PackLayersInput, shouldStop: () => boolean): void {
  const { layers, below, fd } = input;
  const packer = new StackPacker(new TreePacker(fd, shouldStop), input, shouldStop);
  using own = OpenDirectories.of(layers);
  using lower = OpenDirectories.of(below);
  packer.directory(own, lower, '', 0);
  packer.end();
}

class StackPacker {
  readonly #packer: TreePacker;
  readonly #form: PackLayersInput['form'];
  readonly #stubs: ReadonlySet<string>;
  readonly #shouldStop: () => boolean;
  /** open directories, from the outermost in, that are only written when something in them is */
  readonly #pending: { readonly fd: number; readonly path: string }[] = [];
  #names = 0;

  constructor(
    packer: TreePacker,
    { form, stubs = [] }: Pick<PackLayersInput, 'form' | 'stubs'>,
    shouldStop: () => boolean,
  ) {
    this.#packer = packer;
    this.#form = form;
    this.#stubs = stubs.length === 0 ? MOUNT_STUBS : new Set([...MOUNT_STUBS, ...stubs]);
    this.#shouldStop = shouldStop;
  }

  directory(own: OpenDirectories, below: OpenDirectories, path: string, depth: number): void {
    if (this.#shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
    if (depth > MAX_DEPTH) throw new EngineError('invalid', `"${displayName(path)}" is too deep`);
    const [top] = own.fds;
    if (top === undefined) return; // it has vanished
    this.#pending.push({ fd: top, path });
    if (this.#isToldAnyway(own, below, path)) this.#tell();
    if (own.hidesBelow && below.fds.length > 0) this.#mark(inside(path, '.wh..wh..opq'));
    using none = new OpenDirectories();
    const visible = own.hidesBelow ? none : below;
    const seen = new Set<string>();
    for (const fd of own.fds) {
      for (const { name } of readDirectory(fd)) {
        const text = name.toString('latin1', 0, name.length - 1);
        if (seen.has(text)) continue; // a layer above has it
        seen.add(text);
        this.#names += 1;
        if (this.#names > MOST_NAMES)
          throw new EngineError('invalid', `"${displayName(path)}" has too many files`);
        this.#entry(own, visible, { fd, name, path: inside(path, text), parent: path, text }, depth);
      }
    }
    this.#names -= seen.size;
    if (this.#pending.at(-1)?.fd === top) this.#pending.pop();
  }

  end(): void {
    this.#packer.end();
  }

  #isToldAnyway(own: OpenDirectories, below: OpenDirectories, path: string): boolean {
    switch (this.#form) {
      case 'layer':
        return true;
      case 'root': // as Docker's archives of root file systems: whoever unpacks one has a directory for it
        return path !== '';
      case 'changes':
        return !isAlike(own, below);
    }
  }

  /** Writes the directories on the way that nothing was said about yet. */
  #tell(): void {
    for (const { fd, path } of this.#pending.splice(0)) {
      if (path !== '' || this.#form !== 'root') this.#packer.directoryEntry(fd, path);
    }
  }

  #mark(name: string): void {
    this.#tell();
    this.#packer.mark(name);
  }

  #entry(own: OpenDirectories, below: OpenDirectories, entry: StackEntry, depth: number): void {
    const { fd, name, path, parent, text } = entry;
    const stat = statIfThere(fd, name);
    if (!stat) return;
    if (isWhiteout(stat)) {
      if (below.visible(name)) this.#mark(inside(parent, `${WHITEOUT}${text}`));
      return;
    }
    if (this.#isLeftOut(below, entry)) return;
    if (!isDirectory(stat)) {
      this.#tell();
      return this.#packer.entry(fd, name, path, depth + 1);
    }
    using directories = own.below(name);
    using lower = below.below(name);
    this.directory(directories, lower, path, depth + 1);
  }

  /** A file that is called like a deletion would be one, wherever the layer goes. */
  #isLeftOut(below: OpenDirectories, { fd, name, path, text }: StackEntry): boolean {
    if (this.#form !== 'changes') return false;
    return text.startsWith(WHITEOUT) || isMountStub(fd, below, name, path, this.#stubs);
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

function inside(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
