import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { displayName, latin1 } from '#spec/tar/byte-string';
import type { TarEntry } from '#spec/tar/tar-entry';
import { TarParser, type TarSink } from '#spec/tar/tar-parser';
import { CliError } from '../cli-error.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const PERMISSIONS = 0o777;

interface OpenFile {
  readonly fd: number;
  readonly entry: TarEntry;
  /** of a file with holes: where the next byte goes */
  segment: number;
  done: number;
}

/**
 * Writes files, directories and links of an archive below a directory of this machine, as the user who runs the command.
 * The archive may be hostile: nothing is followed, names that lead out are refused, links are made when all else is
 * there, so that nothing is written through them. Devices and pipes are left out, set-user-ID bits dropped.
 */
export class LocalUnpack implements TarSink {
  readonly #folder: string;
  readonly #rename: (path: string) => string;
  /** further names of files */
  readonly #copies: { readonly path: string; readonly target: string }[] = [];
  readonly #links: { readonly path: string; readonly entry: TarEntry }[] = [];
  /** modes and times, set when everything is there: a directory may not let its user write */
  readonly #directories: { readonly path: string; readonly entry: TarEntry }[] = [];
  #file: OpenFile | undefined;

  /** @param rename what a path of the archive is called below `folder` */
  constructor(folder: string, rename: (path: string) => string) {
    this.#folder = folder;
    this.#rename = rename;
  }

  entry(entry: TarEntry): void {
    const parts = this.#partsOf(entry.path);
    const path = this.#ensureParents(parts);
    switch (entry.type) {
      case 'directory':
        if (parts.length === 0) return;
        makeDirectory(path);
        this.#directories.push({ path, entry });
        return;
      case 'file':
        clear(path);
        this.#file = {
          fd: openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
          entry,
          segment: 0,
          done: 0,
        };
        return;
      case 'symlink':
        this.#links.push({ path, entry });
        return;
      case 'hardlink':
        this.#copies.push({ path, target: this.#ensureParents(this.#partsOf(entry.linkPath)) });
        return;
      case 'block':
      case 'character':
      case 'fifo':
        return; // not for a copy
    }
  }

  data(bytes: Buffer): void {
    const file = this.#file;
    if (!file) return;
    const { sparse } = file.entry;
    if (sparse) return writePieces(file, sparse.segments, bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(file.fd, bytes, at);
  }

  endEntry(): void {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    const { fd, entry } = file;
    try {
      if (entry.sparse) ftruncateSync(fd, entry.sparse.realSize);
      fchmodSync(fd, entry.mode & PERMISSIONS);
      futimesSync(fd, timeOf(entry), timeOf(entry));
    } finally {
      closeSync(fd);
    }
  }

  finish(): void {
    for (const { path, target } of this.#copies) {
      if (!lstatSync(target, { throwIfNoEntry: false })?.isFile() || target === path) continue;
      clear(path);
      copyFileSync(target, path, constants.COPYFILE_EXCL);
      const { atime, mtime } = lstatSync(target);
      lutimesSync(path, atime, mtime);
    }
    for (const { path, entry } of this.#links) {
      clear(path);
      symlinkSync(latin1(entry.linkPath), path);
      lutimesSync(path, timeOf(entry), timeOf(entry));
    }
    for (const { path, entry } of this.#directories.toReversed()) {
      if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
      chmodSync(path, entry.mode & PERMISSIONS);
      lutimesSync(path, timeOf(entry), timeOf(entry));
    }
  }

  #partsOf(path: string): string[] {
    const parts = this.#rename(path)
      .split('/')
      .filter(part => part !== '' && part !== '.');
    if (parts.includes('..')) throw new CliError(`the archive has a name that leads out of it: ${path}`);
    return parts;
  }

  #ensureParents(parts: readonly string[]): string {
    let path = this.#folder;
    for (const part of parts.slice(0, -1)) {
      path = join(path, latin1(part).toString('utf8'));
      makeDirectory(path);
    }
    const last = parts.at(-1);
    return last === undefined ? path : join(path, latin1(last).toString('utf8'));
  }
}

/** @param rename what a path of the archive is called below `folder` @returns the size of the archive. */
export async function unpackArchive(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  rename: (path: string) => string,
): Promise<number> {
  const sink = new LocalUnpack(folder, rename);
  const parser = new TarParser(sink);
  let sizeBytes = 0;
  for await (const chunk of archive) {
    sizeBytes += chunk.length;
    parser.write(Buffer.from(chunk));
  }
  parser.end();
  sink.finish();
  return sizeBytes;
}

/** What is called `top` in the archive, and all below it, under another name. @throws {CliError} for anything else. */
export function withTop(path: string, top: string, name: string): string {
  if (isBelow(path, top)) return `${name}${path.slice(top.length)}`;
  throw new CliError(`the archive has a name that was not asked for: ${displayName(path)}`);
}

/** The rest of a name must not make another one of ours: `.bash` and `.bashrc`. */
export function isBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}

/** Each piece to its place; what lies between stays a hole. */
function writePieces(
  file: OpenFile,
  segments: NonNullable<TarEntry['sparse']>['segments'],
  bytes: Buffer,
): void {
  for (let at = 0; at < bytes.length; ) {
    const segment = segments[file.segment];
    if (!segment) throw new CliError(`${file.entry.path} has more content than the archive said`);
    const length = Math.min(segment.length - file.done, bytes.length - at);
    const written = length === 0 ? 0 : writeSync(file.fd, bytes, at, length, segment.offset + file.done);
    at += written;
    file.done += written;
    if (file.done < segment.length) continue;
    file.segment += 1;
    file.done = 0;
  }
}

/** Takes away what is there, unless it is a directory. */
function clear(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new CliError(`cannot overwrite directory "${path}" with non-directory "${path}"`);
  rmSync(path, { force: true });
}

/** A link in its place is no directory. */
function makeDirectory(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) mkdirSync(path, { mode: 0o755 });
  else if (!stat.isDirectory()) throw new CliError(`${path} is in the way: it is no directory`);
}

function timeOf({ mtimeSeconds, mtimeNanos }: TarEntry): number {
  return Number(mtimeSeconds) + mtimeNanos / 1e9;
}
