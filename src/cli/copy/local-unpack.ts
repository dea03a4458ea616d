import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { latin1 } from '#spec/tar/byte-string';
import type { TarEntry } from '#spec/tar/tar-entry';
import type { TarSink } from '#spec/tar/tar-parser';
import { CliError } from '../cli-error.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const PERMISSIONS = 0o777;

/**
 * Writes files, directories and links of an archive below a directory of this machine, as the user who runs the command.
 * The archive may be hostile: nothing is followed, names that lead out are refused, links are made when all else is
 * there, so that nothing is written through them. Devices are left out, set-user-ID bits dropped.
 */
export class LocalUnpack implements TarSink {
  readonly #folder: string;
  readonly #rename: (path: string) => string;
  /** further names of files */
  readonly #copies: { readonly path: string; readonly target: string }[] = [];
  readonly #links: { readonly path: string; readonly target: Buffer }[] = [];
  #file: number | undefined;

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
        if (parts.length > 0) makeDirectory(path);
        if (parts.length > 0) chmodSync(path, (entry.mode & PERMISSIONS) | 0o700);
        return;
      case 'file':
        if (entry.sparse)
          throw new CliError(`${entry.path} has holes: take it as an archive (-) and unpack that with tar`);
        rmSync(path, { force: true });
        this.#file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & PERMISSIONS);
        return;
      case 'symlink':
        this.#links.push({ path, target: latin1(entry.linkPath) });
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
    if (this.#file === undefined) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }

  endEntry(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  finish(): void {
    for (const { path, target } of this.#copies) {
      if (!lstatSync(target, { throwIfNoEntry: false })?.isFile() || target === path) continue;
      rmSync(path, { force: true });
      copyFileSync(target, path, constants.COPYFILE_EXCL);
    }
    for (const { path, target } of this.#links) {
      rmSync(path, { force: true });
      symlinkSync(target, path);
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

/** A link in its place is no directory. */
function makeDirectory(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) mkdirSync(path, { mode: 0o755 });
  else if (!stat.isDirectory()) throw new CliError(`${path} is in the way: it is no directory`);
}
