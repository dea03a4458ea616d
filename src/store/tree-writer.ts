import { closeSync, constants, ftruncateSync, statfsSync } from 'node:fs';
import { EngineError } from '#base/errors';
import { byteString, displayName } from '#spec/tar/byte-string';
import { safePath } from '#spec/tar/safe-path';
import type { TarEntry } from '#spec/tar/tar-entry';
import { type TarLimits, TarParser, type TarSink } from '#spec/tar/tar-parser';
import {
  chownAt,
  isMountPoint,
  linkAt,
  mkdirAt,
  mknodAt,
  openAt,
  openDirectoryAt,
  openSubdirectory,
  pathAt,
  readDirectory,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  setTimesAt,
  setTimesFd,
  statAt,
  statFd,
  statIfThere,
  symlinkAt,
  unlinkAt,
} from '#sys/at';
import { fileSystemFacts } from '#sys/file-system-facts';
import { openInRoot } from '#sys/openat2';
import { removeTree } from '#sys/remove-tree';
import { isErrno } from '#sys/sys-error';
import { ArchiveSource } from './archive-source.ts';
import { isDiskFull, NO_SPACE, noSpace, RESERVE_BYTES, SpaceCheck } from './disk-space.ts';
import { finishFile, setAttributesFd, setXattrsAt } from './entry-attributes.ts';
import { EntryFile } from './entry-file.ts';
import type { WriteTreeInput } from './jail-jobs.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const PERMISSIONS = 0o7777;
const SPACE_CHECK_BYTES = 16 * 1024 * 1024;
/** Each level costs a descriptor. */
const MAX_DEPTH = 500;

/**
 * Unpacks an archive over what a tree has that others may change meanwhile. On the disk that the archive is on, which is the
 * engine's own, some space is left; a volume or a file system of the container may be filled.
 */
export async function writeTree(
  { archive, ...place }: WriteTreeInput,
  shouldStop: () => boolean,
  limits: Partial<TarLimits> = {},
): Promise<void> {
  const writer = new TreeWriter(place, archive.path);
  await using source = new ArchiveSource(archive, shouldStop);
  const parser = new TarParser(writer, limits);
  try {
    for await (const chunk of source.chunks()) parser.write(chunk);
    parser.end();
    writer.finish();
  } finally {
    writer.abandon();
  }
}

/**
 * Writes the entries of an archive into a directory of a tree that a container may change at the same time. Directories are
 * found as a process with its root there would (links stay inside, those of procfs are refused); everything else is done to names in
 * an open directory or to open files, and no last component is ever followed. So no link, old or new, leads out.
 *
 * A name is never opened when something is there already: it is removed first, unless both are directories. Only a file that
 * cannot be removed because it is mounted gets the new content itself, and keeps its owner and mode.
 */
class TreeWriter implements TarSink {
  readonly #place: Omit<WriteTreeInput, 'archive'>;
  /** a path on the disk that is not to be full */
  readonly #ownDisk: string;
  readonly #space = new SpaceCheck(() => this.#checkSpace(), { everyBytes: SPACE_CHECK_BYTES });
  /** times of directories, set at the end: every new entry changes them */
  readonly #times = new Map<string, TarEntry>();
  #file: EntryFile | undefined;
  #isMountedFile = false;
  /** the directory that was used last */
  #directory: { readonly path: string; readonly fd: number } | undefined;

  constructor(place: Omit<WriteTreeInput, 'archive'>, ownDisk: string) {
    this.#place = place;
    this.#ownDisk = ownDisk;
  }

  entry(given: TarEntry): void {
    const { owner } = this.#place;
    const entry = owner ? { ...given, ...owner } : given;
    const path = safePath(entry.path);
    if (path === '') return; // what it goes into stays as it is
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
    try {
      if (this.#isMountedFile) file.extend();
      else finishFile(file.fd, file.entry);
    } catch (error) {
      throw failure(file.entry.path, error);
    } finally {
      file.close();
    }
  }

  finish(): void {
    for (const [path, { mtimeSeconds, mtimeNanos }] of this.#times) {
      try {
        setTimesFd(this.#open(path), mtimeSeconds, mtimeNanos);
      } catch (error) {
        // A later entry, or the container, has put something else in its place.
        if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EROFS')) throw error;
      }
    }
  }

  /** Closes what is open. */
  abandon(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#forget();
  }

  /** An overlay is as large as the file system of its upper directory, and has as much left. */
  #checkSpace(): void {
    if (!this.#file) return;
    const own = statfsSync(this.#ownDisk);
    const { blocks, bsize } = statfsSync(`/proc/self/fd/${this.#file.fd}`);
    const isOwn = blocks * bsize === own.blocks * own.bsize;
    if (isOwn && own.bavail * own.bsize < RESERVE_BYTES) throw noSpace();
  }

  #create(entry: TarEntry, path: string): void {
    const slash = path.lastIndexOf('/');
    const parent = this.#ensure(slash < 0 ? '' : path.slice(0, slash));
    const name = cName(path.slice(slash + 1));
    this.#refuseOtherKind(parent, name, entry, path);
    if (entry.type === 'directory') return this.#makeDirectory(parent, name, entry, path);
    try {
      this.#makeOther(parent, name, entry);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (this.#replaceContent(parent, name, entry)) return;
      this.#makeOther(parent, name, entry);
    }
  }

  #makeDirectory(parent: number, name: Buffer, entry: TarEntry, path: string): void {
    let fd: number;
    try {
      mkdirIfMissing(parent, name);
      fd = openDirectoryAt(parent, name);
    } catch (error) {
      if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
      refuseMount(parent, name);
      unlinkAt(parent, name);
      mkdirAt(parent, name, 0o755);
      fd = openDirectoryAt(parent, name);
    }
    try {
      setAttributesFd(fd, entry);
      this.#times.set(path, entry);
    } finally {
      closeSync(fd);
    }
  }

  #makeOther(parent: number, name: Buffer, entry: TarEntry): void {
    switch (entry.type) {
      case 'file':
        this.#isMountedFile = false;
        this.#file = new EntryFile(
          openAt(parent, name, O_WRONLY | O_CREAT | O_EXCL, entry.mode & 0o777),
          entry,
        );
        return;
      case 'hardlink': {
        const target = safePath(entry.linkPath);
        const slash = target.lastIndexOf('/');
        const from = openIn(this.#place, slash < 0 ? '' : target.slice(0, slash));
        try {
          linkAt(from, cName(target.slice(slash + 1)), parent, name);
        } finally {
          closeSync(from);
        }
        return;
      }
      case 'symlink':
        symlinkAt(cName(entry.linkPath), parent, name);
        return setAttributesAt(parent, name, entry);
      case 'fifo':
        mknodAt(parent, name, S_IFIFO | (entry.mode & PERMISSIONS));
        return setAttributesAt(parent, name, entry);
      case 'character':
      case 'block':
        mknodAt(
          parent,
          name,
          (entry.type === 'block' ? S_IFBLK : S_IFCHR) | (entry.mode & PERMISSIONS),
          entry.deviceMajor,
          entry.deviceMinor,
        );
        return setAttributesAt(parent, name, entry);
      case 'directory':
        throw new TypeError('directories are made elsewhere');
    }
  }

  /** Takes away what is there. @returns whether it was written to instead, as it is mounted. */
  #replaceContent(parent: number, name: Buffer, entry: TarEntry): boolean {
    if (entry.type === 'file' && isMountPoint(parent, name)) {
      this.#file = new EntryFile(openMountedFile(parent, name), entry);
      this.#isMountedFile = true;
      return true;
    }
    refuseMount(parent, name);
    try {
      unlinkAt(parent, name);
      return false;
    } catch (error) {
      if (!isErrno(error, 'EISDIR')) throw error;
    }
    refuseMountsBelow(parent, name, 0);
    removeTree(pathAt(parent, name));
    return false;
  }

  #refuseOtherKind(parent: number, name: Buffer, entry: TarEntry, path: string): void {
    if (!this.#place.keepsKinds) return;
    const stat = statIfThere(parent, name);
    if (!stat) return;
    const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
    if (isDirectory === (entry.type === 'directory')) return;
    const shown = JSON.stringify(`${this.#place.path.replace(/\/\.?$/, '')}/${displayName(path)}`);
    // Docker's wording
    throw new EngineError(
      'invalid',
      isDirectory
        ? `cannot overwrite directory ${shown} with non-directory ${shown}`
        : `cannot overwrite non-directory ${shown} with directory ${shown}`,
    );
  }

  /** The open directory; missing ones on the way are made. */
  #ensure(path: string): number {
    try {
      return this.#open(path);
    } catch (error) {
      if (path === '' || !isErrno(error, 'ENOENT')) throw error;
    }
    const slash = path.lastIndexOf('/');
    mkdirIfMissing(this.#ensure(slash < 0 ? '' : path.slice(0, slash)), cName(path.slice(slash + 1)));
    return this.#open(path);
  }

  #open(path: string): number {
    if (this.#directory?.path === path) return this.#directory.fd;
    const fd = openIn(this.#place, path);
    this.#forget();
    this.#directory = { path, fd };
    return fd;
  }

  #forget(): void {
    if (this.#directory) closeSync(this.#directory.fd);
    this.#directory = undefined;
  }
}

/** @param path byte string below the place */
function openIn({ root, path: base }: Pick<WriteTreeInput, 'root' | 'path'>, path: string): number {
  const whole = Buffer.from(`${byteString(base)}/${path}\0`, 'latin1');
  const fd = openInRoot(root, whole, O_RDONLY | O_DIRECTORY);
  if (!fileSystemFacts(fd).isKernelMade) return fd;
  closeSync(fd);
  throw new EngineError(
    'invalid',
    `"${base}/${displayName(path)}" is made by the kernel: nothing is copied there`,
  );
}

/** Something that is mounted in the container: a file of the host, or the engine's own. */
function openMountedFile(parent: number, name: Buffer): number {
  if ((statAt(parent, name).mode & S_IFMT) !== S_IFREG) throw isMounted();
  const fd = openAt(parent, name, O_WRONLY | O_NONBLOCK);
  try {
    if ((statFd(fd).mode & S_IFMT) !== S_IFREG) throw isMounted();
    ftruncateSync(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** To be asked before anything is removed: the mounts are the container's, not ours, so the kernel would not refuse. */
function refuseMount(parent: number, name: Buffer): void {
  if (isMountPoint(parent, name)) throw isMounted();
}

/** Before a directory is removed: what is mounted in it must neither be emptied nor taken away. */
function refuseMountsBelow(parent: number, name: Buffer, depth: number): void {
  if (depth > MAX_DEPTH) throw new EngineError('invalid', 'it is too deep to be replaced');
  const fd = openSubdirectory(parent, name);
  try {
    for (const child of readDirectory(fd)) {
      refuseMount(fd, child.name);
      if (child.isDirectory) refuseMountsBelow(fd, child.name, depth + 1);
    }
  } finally {
    closeSync(fd);
  }
}

function isMounted(): EngineError {
  return new EngineError('invalid', 'something is mounted there or in it, which stays');
}

function setAttributesAt(parent: number, name: Buffer, entry: TarEntry): void {
  chownAt(parent, name, entry.uid, entry.gid);
  setXattrsAt(pathAt(parent, name), entry);
  setTimesAt(parent, name, entry.mtimeSeconds, entry.mtimeNanos);
}

function mkdirIfMissing(parent: number, name: Buffer): void {
  try {
    mkdirAt(parent, name, 0o755);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

function cName(name: string): Buffer {
  return Buffer.from(`${name}\0`, 'latin1');
}

function failure(path: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: NO_SPACE,
    EDQUOT: NO_SPACE,
    EROFS: 'it is mounted read-only',
    ENOTDIR: 'not a directory',
  };
  const code = Object.keys(reasons).find(each => isErrno(error, each));
  const reason = reasons[code ?? ''] ?? (error instanceof Error ? error.message : String(error));
  const kind = isDiskFull(error) ? 'unavailable' : 'invalid';
  return new EngineError(kind, `cannot unpack "${displayName(path)}": ${reason}`, { cause: error });
}
