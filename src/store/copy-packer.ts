import { createHash } from 'node:crypto';
import { closeSync, constants, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import { changedMode, type FileMode } from '#spec/dockerfile/file-mode';
import { IgnorePatterns } from '#spec/dockerfile/ignore-patterns';
import { byteString, displayName } from '#spec/tar/byte-string';
import { TAR_END, type TarEntryInit, tarHeader } from '#spec/tar/tar-writer';
import { readDirectory, readlinkAt, S_IFDIR, S_IFLNK, S_IFMT, statFd } from '#sys/at';
import { O_PATH } from '#sys/descriptors';
import { openInRoot, resolveInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import { componentsOf, findSources, openIf } from './copy-sources.ts';
import type { CopyInput, CopyPart, CopyResult, CopySource } from './jail-jobs.ts';
import { TreePacker } from './tree-packer.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Writes what COPY copies as the tar of a layer; or, without somewhere to write to, only hashes what makes a difference:
 * names, kinds, modes, owners, attributes and content, no times.
 */
export function packCopy(input: CopyInput, shouldStop: () => boolean): CopyResult {
  const hash = createHash('sha256');
  const { fd } = input;
  const write = (bytes: Buffer): void => {
    if (fd === undefined) hash.update(bytes);
    else for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  };
  const found = input.parts.flatMap(part => {
    const ignored = IgnorePatterns.parse(part.ignores);
    return findSources(part.root, part.sources, ignored).map(source => ({ ...source, part, ignored }));
  });
  const packer = new CopyPacker(input, { write, shouldStop });
  try {
    if (fd === undefined) packer.digest(found);
    else packer.pack(found);
  } catch (error) {
    if (isErrno(error, 'EPIPE')) throw new EngineError('cancelled', 'nobody reads the archive any more');
    throw error;
  }
  return { digest: `sha256:${hash.digest('hex')}`, count: found.length };
}

type PartSource = CopySource & { readonly part: CopyPart; readonly ignored: IgnorePatterns };

interface CopyWork {
  readonly write: (bytes: Buffer) => void;
  readonly shouldStop: () => boolean;
}

class CopyPacker {
  readonly #input: CopyInput;
  readonly #work: CopyWork;
  readonly #excluded: IgnorePatterns;
  /** names of directories that were written, or are there */
  readonly #made = new Set<string>();
  /** the last one that is not there: nothing in it is either */
  #missing: string | undefined;

  constructor(input: CopyInput, work: CopyWork) {
    this.#input = input;
    this.#work = work;
    this.#excluded = IgnorePatterns.of(input.exclude);
  }

  digest(found: readonly PartSource[]): void {
    for (const source of found) {
      this.#work.write(
        Buffer.from(`${source.isDirectory ? 'directory' : 'file'} ${this.#shownName(source)}\0`),
      );
      this.#source(source, source.isDirectory ? '' : 'file', { isWithItself: true });
    }
  }

  pack(found: readonly PartSource[]): void {
    const { destination, base, keepsParents } = this.#input;
    const target = base === undefined ? posix.normalize(destination) : resolvedIn(base, destination);
    const name = byteString(componentsOf(target).join('/'));
    const isDirectory = /(?:^|\/)\.{0,2}$/.test(destination);
    const isThere = this.#isDirectoryThere(name);
    if (isDirectory || keepsParents || found.length > 1) this.#make(name);
    for (const source of found) {
      if (keepsParents) this.#packWithParents(source, name);
      else if (source.isDirectory) {
        if (!isThere && !this.#made.has(name)) this.#make(parentOf(name));
        this.#source(source, name, { isWithItself: !isThere && !this.#made.has(name) });
        this.#made.add(name);
      } else {
        const isInside = isDirectory || isThere || found.length > 1;
        const file = isInside ? this.#inside(name, byteString(posix.basename(source.name))) : name;
        this.#make(parentOf(file));
        this.#source(source, file, { isWithItself: true });
      }
    }
    this.#work.write(TAR_END);
  }

  /** A link where the file goes is followed, as one on the way is. */
  #inside(name: string, last: string): string {
    const { base } = this.#input;
    const path = name === '' ? last : `${name}/${last}`;
    if (base === undefined || this.#isBelowMissing(path)) return path;
    const fd = openIf(base, `/${displayName(path)}`, O_PATH | O_NOFOLLOW);
    if (fd === undefined) return path;
    try {
      if ((statFd(fd).mode & S_IFMT) !== S_IFLNK) return path;
      return byteString(resolvedIn(base, `/${displayName(path)}`).slice(1));
    } finally {
      closeSync(fd);
    }
  }

  #packWithParents(source: PartSource, name: string): void {
    const parts = componentsOf(source.kept).map(byteString);
    let path = name;
    const below = source.path.slice(0, source.path.length - parts.join('/').length);
    parts.slice(0, -1).forEach((part, index) => {
      path = path === '' ? part : `${path}/${part}`;
      if (this.#made.has(path)) return;
      this.#made.add(path);
      const fd = openIf(
        source.part.root,
        `${below}${parts.slice(0, index + 1).join('/')}`,
        O_RDONLY | O_DIRECTORY,
      );
      if (fd === undefined) return this.#make(path);
      try {
        this.#packer(source, path).directoryEntry(fd, path);
      } finally {
        closeSync(fd);
      }
    });
    const last = parts.at(-1) ?? '';
    this.#source(source, path === '' ? last : `${path}/${last}`, { isWithItself: true });
  }

  #source(source: PartSource, name: string, { isWithItself }: { readonly isWithItself: boolean }): void {
    const { root } = source.part;
    const packer = this.#packer(source, name);
    if (!source.isDirectory) {
      const parent = openInRoot(root, posix.dirname(source.path), O_RDONLY | O_DIRECTORY);
      try {
        packer.entry(parent, Buffer.from(`${posix.basename(source.path)}\0`), name, 0);
      } finally {
        closeSync(parent);
      }
      return;
    }
    const fd = openInRoot(root, source.path, O_RDONLY | O_DIRECTORY);
    try {
      this.#check(name, true);
      if (isWithItself) packer.directoryEntry(fd, name);
      for (const child of sorted(fd)) {
        const text = child.toString('latin1', 0, child.length - 1);
        packer.entry(fd, child, name === '' ? text : `${name}/${text}`, 1);
      }
    } finally {
      closeSync(fd);
    }
  }

  #packer(source: PartSource, name: string): TreePacker {
    const { mode, fd } = this.#input;
    const { owner } = source.part;
    const isKey = fd === undefined;
    return new TreePacker(this.#work.write, this.#work.shouldStop, {
      adapt: entry => ({
        ...entry,
        ...owner,
        ...(mode !== undefined && entry.type !== 'symlink' ? { mode: newMode(mode, entry) } : {}),
        ...(isKey ? { mtimeSeconds: 0 } : {}),
      }),
      choose: (path, { isDirectory }) => this.#choose(source, path.slice(name.length), { path, isDirectory }),
      isSorted: true,
      isPlain: isKey,
    });
  }

  #choose(
    source: PartSource,
    rest: string,
    { path, isDirectory }: { readonly path: string; readonly isDirectory: boolean },
  ): 'keep' | 'leave' | 'look' {
    const below = displayName(rest).replace(/^\/+/, '');
    const own = posix.join(source.path, below).slice(1);
    const inSource = below === '' ? posix.basename(source.path) : below;
    for (const [patterns, at] of [
      [source.ignored, own],
      [this.#excluded, inSource],
    ] as const) {
      if (patterns.ignores(at)) return isDirectory && patterns.mayKeepBelow(at) ? 'look' : 'leave';
    }
    this.#check(path, isDirectory);
    return 'keep';
  }

  /** What is in the image already stays of its kind: a link to a directory must not become a directory. */
  #check(path: string, isDirectory: boolean): void {
    const { base, fd: output } = this.#input;
    if (output !== undefined) refuseDeletion(path);
    if (base === undefined || output === undefined || path === '' || this.#isBelowMissing(path)) return;
    const shown = `/${displayName(path)}`;
    const fd = openIf(base, shown, O_PATH | O_NOFOLLOW);
    if (fd === undefined) {
      this.#missing = path;
      return;
    }
    try {
      const kind = statFd(fd).mode & S_IFMT;
      if (isDirectory === (kind === S_IFDIR)) return;
      if (!isDirectory) throw new EngineError('invalid', `cannot copy a file over the directory ${shown}`);
      const link = kind === S_IFLNK ? readlinkAt(fd, '').toString('utf8').slice(0, -1) : undefined;
      const hint = link === undefined ? '' : `: it is a link to ${link} in the image; copy to that`;
      throw new EngineError('invalid', `cannot copy to non-directory: ${shown}${hint}`);
    } finally {
      closeSync(fd);
    }
  }

  #isBelowMissing(path: string): boolean {
    if (this.#missing === undefined) return false;
    if (path === this.#missing || path.startsWith(`${this.#missing}/`)) return true;
    this.#missing = undefined;
    return false;
  }

  /** Directories that are not there yet, as `mkdir -p` makes them. */
  #make(name: string): void {
    if (name === '' || this.#made.has(name)) return;
    this.#make(parentOf(name));
    this.#made.add(name);
    if (this.#isDirectoryThere(name)) return;
    this.#check(name, true);
    const { owner, createdSeconds } = this.#input;
    const entry: TarEntryInit = {
      path: `${name}/`,
      type: 'directory',
      mode: 0o755,
      mtimeSeconds: createdSeconds,
      ...owner,
    };
    this.#work.write(tarHeader(entry));
  }

  #isDirectoryThere(name: string): boolean {
    const { base } = this.#input;
    if (name === '') return true;
    if (base === undefined) return false;
    const fd = openIf(base, `/${displayName(name)}`, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (fd === undefined) return false;
    closeSync(fd);
    return true;
  }

  #shownName(source: PartSource): string {
    if (this.#input.keepsParents) return source.kept;
    return source.isDirectory ? '' : posix.basename(source.name);
  }
}

function resolvedIn(base: number, path: string): string {
  try {
    return resolveInRoot(base, path);
  } catch (error) {
    if (!isErrno(error, 'ELOOP', 'ENAMETOOLONG')) throw error;
    throw new EngineError('invalid', `cannot copy to ${path}: links of the image lead round in circles`);
  }
}

/** A file that is called like a deletion would be one, wherever the layer goes. */
function refuseDeletion(path: string): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!name.startsWith('.wh.')) return;
  throw new EngineError(
    'invalid',
    `cannot copy to "/${displayName(path)}": in a layer a name that begins with .wh. deletes what is called like its rest; rename it, or leave it out (.dockerignore)`,
  );
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

function sorted(fd: number): Buffer[] {
  return [...readDirectory(fd)].map(({ name }) => name).toSorted((one, other) => one.compare(other));
}

function newMode(change: FileMode, { mode, type }: Pick<TarEntryInit, 'mode' | 'type'>): number {
  const isDirectory = type === 'directory';
  return changedMode(change, mode ?? (isDirectory ? 0o755 : 0o644), { isDirectory });
}
