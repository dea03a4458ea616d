import { EngineError } from '#base/errors';
import { MemoryBudget } from '#base/memory-budget';
import { displayName } from '../tar/byte-string.ts';
import { safePath } from '../tar/safe-path.ts';
import type { TarEntry } from '../tar/tar-entry.ts';
import type { TarSink } from '../tar/tar-parser.ts';
import { ImplicitCount, whiteoutOf } from '../tar/whiteout.ts';
import { LayerDirectory, LayerNode } from './layer-node.ts';
import { keepsXattr } from './xattr-body.ts';

/** NAME_MAX of linux/limits.h */
const MAX_NAME = 255;
/** PATH_MAX with its NUL */
const MAX_TARGET = 4095;
/** As the kernel: fs/namei.c. */
const MAX_LINKS = 40;
/** Names that are followed in links and to what is linked, all entries together: a few for each, and a second's work besides. */
const MAX_STEPS = 5_000_000;
const STEPS_PER_ENTRY = 100;
const MAX_TOP_LEVEL_NAMES = 64;
/** Of all extended attributes together: they are kept outside of the heap, which has a bound of its own. */
const MAX_XATTR_BYTES = 128 * 1024 * 1024;

/** Of a thread's heap, with what writing the index takes besides: see the test that weighs it. */
const MOST_MEMORY_BYTES = 1000 * 1024 * 1024;
const NODE_BYTES = 480;
const DIRECTORY_BYTES = 800;
/** of a further name */
const NAME_BYTES = 160;
const PIECE_BYTES = 220;
const XATTR_BYTES = 700;

export interface LayerTreeOptions {
  /** whether `.wh.` names stand for removals (default), or for themselves */
  readonly hasWhiteouts?: boolean;
  readonly mostMemoryBytes?: number;
}

/**
 * The file system that unpacking the archive of a layer into an empty directory would make, in memory: an entry replaces an
 * earlier one of its name, links on the way to a name are followed inside the tree, whiteouts are what overlayfs takes for
 * them. Contents are not kept, only where they are.
 */
export class LayerTree implements TarSink {
  readonly root = new LayerDirectory();
  readonly topLevelNames = new Set<string>();
  entries = 0;
  /** content of all files */
  sizeBytes = 0;
  readonly #implicit = new ImplicitCount();
  #xattrBytes = 0;
  #steps = 0;
  readonly #memory: MemoryBudget;
  readonly #hasWhiteouts: boolean;

  constructor({ hasWhiteouts = true, mostMemoryBytes = MOST_MEMORY_BYTES }: LayerTreeOptions = {}) {
    this.#hasWhiteouts = hasWhiteouts;
    this.#memory = new MemoryBudget(mostMemoryBytes);
  }

  /** What it is counted to take of the heap, written index and all. */
  get memoryBytes(): number {
    return this.#memory.spent;
  }

  entry(entry: TarEntry): void {
    this.entries += 1;
    this.sizeBytes += entry.sparse?.realSize ?? entry.size;
    try {
      this.#add(entry, safePath(entry.path));
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      throw new EngineError('invalid', `cannot unpack "${displayName(entry.path)}": ${error.message}`);
    }
  }

  data(): void {
    // stays where it is
  }

  endEntry(): void {
    // nothing was begun
  }

  #add(entry: TarEntry, path: string): void {
    this.#noteTopLevel(path);
    if (this.#hasWhiteouts && this.#whiteout(entry, path)) return;
    if (path === '') return this.#describeRoot(entry);
    const slash = path.lastIndexOf('/');
    const parent = this.#directory(slash < 0 ? '' : path.slice(0, slash));
    const name = path.slice(slash + 1);
    checkName(name);
    const existing = parent.children.get(name);
    if (existing && !(existing instanceof LayerDirectory && entry.type === 'directory')) {
      this.#checkReplaced(parent, name, path);
    }
    if (entry.type === 'directory') return this.#describe(this.#makeDirectory(parent, name), entry);
    if (entry.type === 'hardlink') return this.#hardLink(entry, path, parent, name);
    this.#remember(NODE_BYTES + name.length + entry.linkPath.length);
    this.#remember(PIECE_BYTES * (entry.sparse?.segments.length ?? 0));
    const node = LayerNode.of(entry, entry.type);
    this.#keepXattrs(node, entry);
    if (node.type === 'symlink') checkTarget(node.target);
    parent.children.set(name, node);
  }

  #describeRoot(entry: TarEntry): void {
    if (entry.type !== 'directory') throw new PathError('the root is no directory');
    this.#describe(this.root, entry);
  }

  #describe(directory: LayerDirectory, entry: TarEntry): void {
    directory.isImplicit = false;
    directory.describe(entry);
    this.#keepXattrs(directory, entry);
  }

  /** A directory that is described again keeps what it had before. */
  #keepXattrs(node: LayerNode, entry: TarEntry): void {
    const added = [...entry.xattrs].filter(([name]) => keepsXattr(name, node.type));
    for (const [name, value] of added) this.#xattrBytes += name.length + value.length;
    this.#remember(XATTR_BYTES * added.length);
    if (this.#xattrBytes > MAX_XATTR_BYTES) throw new PathError('too many extended attributes');
    if (node.xattrs.size === 0 && added.length > 0) node.xattrs = new Map(added);
    else if (node.xattrs instanceof Map) for (const [name, value] of added) node.xattrs.set(name, value);
  }

  /** A directory over a whiteout of the same layer hides what lower layers have in it. */
  #makeDirectory(parent: LayerDirectory, name: string): LayerDirectory {
    const existing = parent.children.get(name);
    if (existing instanceof LayerDirectory) return existing;
    this.#remember(DIRECTORY_BYTES + name.length);
    const directory = new LayerDirectory(name, parent);
    directory.isOpaque = existing?.isWhiteout ?? false;
    parent.children.set(name, directory);
    return directory;
  }

  /** The other name has the attributes already: both are one file. */
  #hardLink(entry: TarEntry, path: string, parent: LayerDirectory, name: string): void {
    const target = safePath(entry.linkPath);
    if (target === path || target === '') throw new PathError('a link to itself');
    const slash = target.lastIndexOf('/');
    const from = this.#existing(this.root, slash < 0 ? [] : target.slice(0, slash).split('/'), newWalk());
    const targetName = target.slice(slash + 1);
    const node = from.children.get(targetName);
    if (!node) throw new PathError(`nothing is there to link to: ${displayName(target)}`);
    if (node instanceof LayerDirectory) throw new PathError('a hard link to a directory');
    if (parent.children.has(name)) this.#checkReplaced(parent, name, target);
    if (from === parent && targetName === name) throw new PathError('a link to itself');
    this.#remember(NAME_BYTES + name.length);
    parent.children.set(name, node);
  }

  /** @returns whether the name was one of those that stand for a removal. */
  #whiteout(entry: TarEntry, path: string): boolean {
    const whiteout = whiteoutOf(path);
    if (whiteout && entry.size > 0) throw new PathError('a whiteout has content');
    switch (whiteout?.kind) {
      case undefined:
        return false;
      case 'ignored':
        return true;
      case 'opaque':
        this.#directory(whiteout.directory).isOpaque = true;
        return true;
      case 'hide':
        checkName(whiteout.name);
        this.#remember(NODE_BYTES + whiteout.name.length);
        hide(this.#directory(whiteout.parent), whiteout.name);
        return true;
    }
  }

  /** Makes missing directories on the way. */
  #directory(path: string): LayerDirectory {
    let directory = this.root;
    if (path === '') return directory;
    const walk = newWalk(); // of the whole path, as for the kernel
    for (const name of path.split('/')) {
      const next = directory.children.get(name);
      if (next instanceof LayerDirectory) directory = next;
      else if (next === undefined || next.isWhiteout) {
        checkName(name);
        directory = this.#makeDirectory(directory, name);
        if (this.#implicit.isTooMany(directory.pathLength, this.entries))
          throw new PathError('too many directories');
      } else directory = this.#throughLink(directory, next, walk);
    }
    return directory;
  }

  /**
   * What is in the place of an entry is removed before that is made: its name, and what it links to, must not lead through it
   * (a link, or a directory that a link leads out of again).
   */
  #checkReplaced(parent: LayerDirectory, name: string, path: string): void {
    const walk = newWalk();
    this.#existing(this.root, path.split('/').slice(0, -1), walk);
    if (walk.steps.some(step => step.directory === parent && step.name === name)) {
      throw new PathError('the name leads through what it replaces');
    }
  }

  /** The directory that a link leads to: inside the tree, whatever it says. */
  #throughLink(directory: LayerDirectory, link: LayerNode, walk: Walk): LayerDirectory {
    if (link.type !== 'symlink') throw new PathError('Not a directory');
    walk.links += 1;
    if (walk.links > MAX_LINKS) throw new PathError('Too many levels of symbolic links');
    const start = link.target.startsWith('/') ? this.root : directory;
    return this.#existing(start, link.target.split('/'), walk);
  }

  #existing(start: LayerDirectory, names: readonly string[], walk: Walk): LayerDirectory {
    let directory = start;
    this.#steps += names.length;
    if (this.#steps > MAX_STEPS + STEPS_PER_ENTRY * this.entries)
      throw new PathError('its links lead a long way');
    for (const name of names) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        directory = directory.parent ?? directory;
        continue;
      }
      const next = directory.children.get(name);
      if (!next) throw new PathError('No such file or directory');
      walk.steps.push({ directory, name });
      directory = next instanceof LayerDirectory ? next : this.#throughLink(directory, next, walk);
    }
    return directory;
  }

  #remember(bytes: number): void {
    if (this.#memory.isOver(bytes)) throw new PathError('the archive has more files than one layer may have');
  }

  #noteTopLevel(path: string): void {
    if (this.topLevelNames.size >= MAX_TOP_LEVEL_NAMES) return;
    const slash = path.indexOf('/');
    this.topLevelNames.add(displayName(slash < 0 ? path : path.slice(0, slash)));
  }
}

/** On the way from the root to what a path means. */
interface Walk {
  links: number;
  /** names that were followed, each in its directory */
  readonly steps: { readonly directory: LayerDirectory; readonly name: string }[];
}

function newWalk(): Walk {
  return { links: 0, steps: [] };
}

/** A name that leads nowhere; whoever knows the whole name says so. */
class PathError extends Error {}

/** A whiteout concerns lower layers only: what this layer has under that name stays, a directory becomes opaque. */
function hide(parent: LayerDirectory, name: string): void {
  const existing = parent.children.get(name);
  if (existing instanceof LayerDirectory) existing.isOpaque = true;
  else if (!existing) parent.children.set(name, LayerNode.whiteout());
}

/** As symlink(2). */
function checkTarget(target: string): void {
  if (target === '') throw new PathError('a link to nowhere');
  if (target.length > MAX_TARGET) throw new PathError('File name too long');
}

function checkName(name: string): void {
  if (name.length > MAX_NAME) throw new PathError('File name too long');
}
