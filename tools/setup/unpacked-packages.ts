import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { hasProgram } from './debian-packages.ts';
import { refreshPackageLists } from './install-packages.ts';
import { say } from './messages.ts';

const CACHE = `${import.meta.dirname}/../../.cache`;

/** A program out of a Debian package that is unpacked, not installed: installing it would start a service. */
export interface UnpackedProgram {
  /** also the folder below `.cache/` */
  readonly name: string;
  /** the first that holds it is taken */
  readonly packages: readonly string[];
  /** what it needs beside that one, such as its libraries */
  readonly companions?: readonly string[];
  /** in the package */
  readonly path: string;
  readonly why: string;
}

/** Where the program is, or `undefined` where it cannot be had: without root, without apt, without the package. */
export function unpackedProgram({
  name,
  packages,
  companions = [],
  path,
  why,
}: UnpackedProgram): string | undefined {
  const folder = `${CACHE}/${name}`;
  const program = `${folder}${path}`;
  if (existsSync(program)) return program;
  if (process.getuid?.() !== 0 || !hasProgram('apt-get')) return undefined;
  say(`${name}: unpacking Debian's package into .cache/: ${why}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  refreshPackageLists();
  if (!companions.every(each => unpack(each, folder))) return undefined;
  return packages.some(each => unpack(each, folder) && existsSync(program)) ? program : undefined;
}

function unpack(name: string, folder: string): boolean {
  const download = spawnSync('apt-get', ['-qq', 'download', name], { cwd: folder, stdio: 'ignore' });
  const file = readdirSync(folder).find(each => each.startsWith(`${name}_`));
  if (download.status !== 0 || !file) return false;
  spawnSync('dpkg-deb', ['-x', file, '.'], { cwd: folder, stdio: 'ignore' });
  rmSync(`${folder}/${file}`);
  return true;
}
