import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { EngineError } from '#base/errors';
import { MemoryBudget } from '#base/memory-budget';
import { displayName } from '#spec/tar/byte-string';
import { safePath } from '#spec/tar/safe-path';
import type { TarEntry } from '#spec/tar/tar-entry';
import type { TarSink } from '#spec/tar/tar-parser';
import { ImplicitCount, whiteoutOf } from '#spec/tar/whiteout';
import {
  AT_FDCWD,
  chmodAt,
  chownAt,
  linkAt,
  mkdirAt,
  mknodAt,
  openDirectoryAt,
  openSubdirectory,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  setTimesFd,
  symlinkAt,
  unlinkAt,
} from '#sys/at';
import { removeTree } from '#sys/remove-tree';
import { isErrno } from '#sys/sys-error';
import { setXattr } from '#sys/xattr';
import { checkSpace, isDiskFull, NO_SPACE, SpaceCheck } from './disk-space.ts';
import { finishFile, setAttributes } from './entry-attributes.ts';
import { EntryFile } from './entry-file.ts';
import { cName, fsPath } from './layer-path.ts';

export interface LayerExtractorOptions {
  readonly whiteouts: 'overlay' | 'none';
  readonly reserveBytes: number;
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const OPAQUE_XATTR = 'trusted.overlay.opaque';
const YES = Buffer.from('y');
const MAX_TOP_LEVEL_NAMES = 64;
/** Of a thread's heap: what is known of directories, which are remembered by their paths. */
const MOST_MEMORY_BYTES = 600 * 1024 * 1024;
const DIRECTORY_BYTES = 400;
/**
 * Paths of directories that were looked up anew because something was replaced, all together: the kernel goes along each from its
 * beginning, and a name of 4 KB has two thousand of them.
 */
const MOST_LOOKED_UP_BYTES = 16 * 1024 * 1024;
const LOOKED_UP_PER_ENTRY = 4096;

/**
 * Writes the entries of an archive below `/`. Made to run inside a jail: it relies on the root of the thread being
 * the directory to fill, so that whatever the archive's own links say, no name leads out of it.
 *
 * A name is never opened when something is there already: it is removed first, unless both are directories. So an
 * archive cannot write into a device node or through a link that it brought itself.
 */
export class LayerExtractor implements TarSink {
  readonly topLevelNames = new Set<string>();
  /** directories that had to be made, or kept, without an entry of their own; by their paths without links */
  readonly implicitDirectories = new Set<string>(['']);
  entries = 0;
  sizeBytes = 0;
  readonly #options: LayerExtractorOptions;
  readonly #implicit = new ImplicitCount();
  /** directories known to be there, by the names that were used for them, and their paths without links */
  readonly #directories = new Map<string, string>([['', '']]);
  /** times by paths without links, set at the end: every new entry changes them */
  readonly #times = new Map<string, readonly [seconds: number, nanos: number]>();
  readonly #memory = new MemoryBudget(MOST_MEMORY_BYTES);
  /** what {@link #directories} is counted to take */
  #directoryBytes = 0;
  #lookedUpBytes = 0;
  #file: EntryFile | undefined;
  readonly #space: SpaceCheck;

  constructor(options: LayerExtractorOptions) {
    this.#options = options;
    this.#space = new SpaceCheck(() => checkSpace('/', options.reserveBytes));
  }

  entry(entry: TarEntry): void {
    this.entries += 1;
    const path = safePath(entry.path);
    try {
      this.#create(entry, path);
    } catch (error) {
      throw failure(entry.path, error);
    }
  }

  data(bytes: Buffer): void {
    const file = this.#file;
    if (!file) throw new TypeError('content without a file');
    try {
      this.#space.passed(bytes.length);
      file.write(bytes);
    } catch (error) {
      throw failure(file.entry.path, error);
    }
  }

  endEntry(): void {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    this.sizeBytes += file.sizeBytes;
    try {
      finishFile(file.fd, file.entry);
    } catch (error) {
      throw failure(file.entry.path, error);
    } finally {
      file.close();
    }
  }

  /** Sets what had to wait until everything was there. */
  finish(): void {
    const root = openDirectoryAt(AT_FDCWD, '/');
    try {
      for (const [path, [seconds, nanos]] of this.#times) {
        withDirectory(root, path, fd => setTimesFd(fd, seconds, nanos));
      }
    } finally {
      closeSync(root);
    }
  }

  /** Closes what a failure left open. */
  abandon(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #create(entry: TarEntry, path: string): void {
    this.#noteTopLevel(path);
    if (this.#options.whiteouts === 'overlay' && this.#whiteout(path)) {
      if (entry.size > 0) throw new EngineError('invalid', 'a whiteout has content');
      return;
    }
    if (path === '') return this.#root(entry);
    const real = inside(this.#ensureParent(path), path);
    if (entry.type === 'directory') return this.#directory(entry, path, real);
    this.#replacing(path, () => this.#nonDirectory(entry, path));
  }

  #nonDirectory(entry: TarEntry, path: string): void {
    switch (entry.type) {
      case 'file':
        this.#file = new EntryFile(
          openSync(fsPath(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & 0o777),
          entry,
        );
        return;
      case 'hardlink':
        return this.#hardLink(entry, path);
      case 'symlink':
        symlinkAt(cName(entry.linkPath, false), AT_FDCWD, cName(path));
        return setAttributes(path, entry, { hasMode: false });
      case 'fifo':
        mknodAt(AT_FDCWD, cName(path), S_IFIFO | (entry.mode & 0o777));
        return setAttributes(path, entry);
      case 'character':
      case 'block':
        mknodAt(AT_FDCWD, cName(path), deviceMode(entry), entry.deviceMajor, entry.deviceMinor);
        return setAttributes(path, entry);
      case 'directory':
        throw new TypeError('directories are made elsewhere');
    }
  }

  /** The other name has the attributes already: both are one file. */
  #hardLink(entry: TarEntry, path: string): void {
    const target = safePath(entry.linkPath);
    if (target === path || target === '') throw new EngineError('invalid', 'a link to itself');
    linkAt(AT_FDCWD, cName(target), AT_FDCWD, cName(path));
  }

  #root(entry: TarEntry): void {
    if (entry.type !== 'directory') throw new EngineError('invalid', 'the root is no directory');
    this.implicitDirectories.delete('');
    setAttributes('', entry);
    this.#times.set('', [entry.mtimeSeconds, entry.mtimeNanos]);
  }

  #directory(entry: TarEntry, path: string, real: string): void {
    // A link to a directory is none: it is replaced.
    const isKnown = this.#directories.get(path) === real;
    const existing = isKnown ? undefined : this.#makeDirectory(path);
    if (existing === 'whiteout') setXattr(cName(path), OPAQUE_XATTR, YES);
    if (!isKnown) this.#know(path, real);
    this.implicitDirectories.delete(real);
    setAttributes(path, entry);
    if (!this.#times.has(real)) this.#remember(DIRECTORY_BYTES + real.length);
    this.#times.set(real, [entry.mtimeSeconds, entry.mtimeNanos]);
  }

  /** A directory over a whiteout of the same layer hides what lower layers have in it. */
  #makeDirectory(path: string): 'whiteout' | undefined {
    try {
      mkdirAt(AT_FDCWD, cName(path), 0o755);
      return undefined;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const stat = lstatSync(fsPath(path));
    if (stat.isDirectory()) return undefined;
    this.#unlink(path);
    mkdirAt(AT_FDCWD, cName(path), 0o755);
    return isWhiteout(stat) ? 'whiteout' : undefined;
  }

  /** @returns whether the name was one of those that stand for a removal. */
  #whiteout(path: string): boolean {
    const whiteout = whiteoutOf(path);
    switch (whiteout?.kind) {
      case undefined:
        return false;
      case 'ignored':
        return true;
      case 'opaque':
        this.#ensureDirectory(whiteout.directory);
        // What a link leads to, not the link.
        setXattr(cName(`${whiteout.directory}/.`), OPAQUE_XATTR, YES);
        return true;
      case 'hide':
        this.#ensureDirectory(whiteout.parent);
        this.#hide(whiteout.parent === '' ? whiteout.name : `${whiteout.parent}/${whiteout.name}`);
        return true;
    }
  }

  /** A whiteout concerns lower layers only: what this layer has under that name stays, a directory becomes opaque. */
  #hide(path: string): void {
    try {
      mknodAt(AT_FDCWD, cName(path), S_IFCHR);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (lstatSync(fsPath(path)).isDirectory()) setXattr(cName(path), OPAQUE_XATTR, YES);
    }
  }

  /** Runs `create`, which fails when the name is taken; then removes what is there and runs it again. */
  #replacing(path: string, create: () => void): void {
    try {
      create();
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      this.#unlink(path);
      create();
    }
  }

  #unlink(path: string): void {
    try {
      unlinkAt(AT_FDCWD, cName(path));
    } catch (error) {
      if (!isErrno(error, 'EISDIR')) throw error;
      removeTree(cName(path));
    }
    // What was known below it, or through it if it was a link, is no longer.
    this.#directories.clear();
    this.#directories.set('', '');
    this.#memory.giveBack(this.#directoryBytes);
    this.#directoryBytes = 0;
  }

  #know(path: string, real: string): void {
    const bytes = DIRECTORY_BYTES + path.length + real.length;
    this.#remember(bytes);
    this.#directoryBytes += bytes;
    this.#directories.set(path, real);
  }

  #remember(bytes: number): void {
    if (this.#memory.isOver(bytes)) throw new EngineError('invalid', 'too many directories');
  }

  /** @returns its path without links. */
  #ensureParent(path: string): string {
    const slash = path.lastIndexOf('/');
    return slash < 0 ? '' : this.#ensureDirectory(path.slice(0, slash));
  }

  /** Makes missing directories on the way. Links on the way are followed: they end inside the jail. @returns the path without links. */
  #ensureDirectory(path: string): string {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    this.#lookedUpBytes += path.length;
    if (this.#lookedUpBytes > MOST_LOOKED_UP_BYTES + LOOKED_UP_PER_ENTRY * this.entries)
      throw new EngineError('invalid', 'its directories are deep, and replaced too often');
    const own = inside(this.#ensureParent(path), path);
    const isMissing = this.#makeImplicit(path);
    const real = isMissing || !lstatSync(fsPath(path)).isSymbolicLink() ? own : withoutLinks(path);
    if (isMissing) {
      this.#times.delete(real); // of an earlier one, which was replaced
      this.#remember(DIRECTORY_BYTES + real.length);
      this.implicitDirectories.add(real);
      if (this.#implicit.isTooMany(path.length, this.entries)) {
        throw new EngineError('invalid', 'too many directories');
      }
    }
    this.#know(path, real);
    return real;
  }

  /** @returns whether it was missing. */
  #makeImplicit(path: string): boolean {
    try {
      mkdirSync(fsPath(path), 0o755);
      makeOrdinary(path);
      return true;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (isWhiteout(lstatSync(fsPath(path)))) {
        if (this.#makeDirectory(path) === 'whiteout') setXattr(cName(path), OPAQUE_XATTR, YES);
        makeOrdinary(path);
        return true;
      }
      if (!statSync(fsPath(path)).isDirectory()) throw error;
      return false;
    }
  }

  #noteTopLevel(path: string): void {
    if (this.topLevelNames.size >= MAX_TOP_LEVEL_NAMES) return;
    const slash = path.indexOf('/');
    this.topLevelNames.add(displayName(slash < 0 ? path : path.slice(0, slash)));
  }
}

/** The path of what has this name, in a directory by its path. */
function inside(directory: string, name: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return directory === '' ? base : `${directory}/${base}`;
}

function withoutLinks(path: string): string {
  return realpathSync.native(fsPath(path), 'buffer').toString('latin1').slice(1);
}

/** Unless a later entry has put something else there, or on the way. */
function withDirectory(root: number, path: string, work: (fd: number) => void): void {
  let fd: number;
  try {
    fd = openSubdirectory(root, path === '' ? '.' : cName(path, false));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return;
    throw error;
  }
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}

function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

/** Below a directory with setgid a new one has its group and that bit too. */
function makeOrdinary(path: string): void {
  chownAt(AT_FDCWD, cName(path), 0, 0);
  chmodAt(AT_FDCWD, cName(path), 0o755);
}

function deviceMode(entry: TarEntry): number {
  return (entry.type === 'block' ? S_IFBLK : S_IFCHR) | (entry.mode & 0o777);
}

function failure(path: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const isFull = isDiskFull(error);
  const reason = isFull ? NO_SPACE : error instanceof Error ? error.message : String(error);
  return new EngineError(
    isFull ? 'unavailable' : 'invalid',
    `cannot unpack "${displayName(path)}": ${reason}`,
    {
      cause: error,
    },
  );
}
