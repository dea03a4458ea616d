import { closeSync, constants, readSync } from 'node:fs';
import { gunzipSync, constants as zlib, zstdDecompressSync } from 'node:zlib';
import { codeOf, EngineError } from '#base/errors';
import { nearest } from '#base/spelling';
import { IgnorePatterns } from '#spec/dockerfile/ignore-patterns';
import { PathPattern } from '#spec/dockerfile/path-pattern';
import { BLOCK_SIZE } from '#spec/tar/tar-entry';
import { readDirectory, readlinkAt, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, statFd } from '#sys/at';
import { O_PATH } from '#sys/descriptors';
import { openInRoot, resolveInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import { detectCompression } from './compression.ts';
import type { CopySource, FindSourcesInput, FoundSource } from './jail-jobs.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** A block of zstd, which shows nothing before it is there as a whole, and what stands before it. */
const HEAD_BYTES = 160 * 1024;
const MAX_LOOK_BYTES = 16 * 1024 * 1024;
const MAX_SOURCES = 100_000;
const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'] as const;

/**
 * What the sources of COPY and ADD mean in a tree: links on the way and at the end are followed as a process with its root there
 * would. A pattern that nothing matches gives nothing.
 *
 * @throws {EngineError} `notFound` for a path that is not there or is left out, with what is called alike.
 */
export function findSources(root: number, paths: readonly string[], ignored: IgnorePatterns): CopySource[] {
  return paths.flatMap(path => {
    const clean = `/${componentsOf(path).join('/')}`;
    const names = isPathPattern(clean) ? expand(root, clean, ignored) : [clean];
    return names.map(name => ({ ...sourceAt(root, name, ignored), kept: keptPath(path, name) }));
  });
}

/** The same for ADD, which unpacks archives. */
export function findArchives({ root, sources, ignores }: FindSourcesInput): FoundSource[] {
  return findSources(root, sources, IgnorePatterns.parse(ignores)).map(source => {
    const archive = source.isDirectory ? undefined : archiveKind(root, source.path);
    return archive === undefined ? source : { ...source, archive };
  });
}

/** What stands before `/./` in a source is not kept. */
function keptPath(given: string, name: string): string {
  const pivot = given.startsWith('./') ? given.indexOf('/./', 2) : given.indexOf('/./');
  if (pivot < 0) return name;
  const before = componentsOf(given.slice(0, pivot));
  return `/${componentsOf(name).slice(before.length).join('/')}`;
}

function sourceAt(root: number, name: string, ignored: IgnorePatterns): Omit<CopySource, 'kept'> {
  const path = resolvedIf(root, name);
  const stat = path === undefined ? undefined : statOf(root, path);
  if (path === undefined || !stat) throw missing(root, name);
  if (isLeftOut(name, ignored) || isLeftOut(path, ignored)) throw leftOut(name);
  return { name, path, isDirectory: (stat.mode & S_IFMT) === S_IFDIR };
}

/** `undefined` for links in circles. */
function resolvedIf(root: number, name: string): string | undefined {
  try {
    return resolveInRoot(root, name);
  } catch (error) {
    if (isErrno(error, ...ABSENT)) return undefined;
    throw error;
  }
}

/** A directory that is left out may have something in it that is not. */
function isLeftOut(path: string, ignored: IgnorePatterns): boolean {
  return path !== '/' && ignored.ignores(path.slice(1));
}

function expand(root: number, pattern: string, ignored: IgnorePatterns): string[] {
  let found = [''];
  for (const component of componentsOf(pattern)) {
    const matches = matcher(component);
    found = found.flatMap(parent =>
      matches === undefined
        ? [`${parent}/${component}`]
        : namesIn(root, parent)
            .filter(name => matches.matches(name))
            .map(name => `${parent}/${name}`),
    );
    if (found.length > MAX_SOURCES) throw new EngineError('invalid', `${pattern} matches too much`);
  }
  return found.filter(path => {
    const place = resolvedIf(root, path);
    return place !== undefined && statOf(root, place) && !isLeftOut(path, ignored);
  });
}

function isPathPattern(path: string): boolean {
  return /[*?[\\]/.test(path);
}

function matcher(component: string): PathPattern | undefined {
  if (!isPathPattern(component)) return undefined;
  try {
    return new PathPattern(component);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError('invalid', `${component}: ${error.message}`);
  }
}

function namesIn(root: number, path: string): string[] {
  const fd = openIf(root, path || '/', O_RDONLY | O_DIRECTORY);
  if (fd === undefined) return [];
  try {
    return [...readDirectory(fd)].map(({ name }) => name.toString('utf8', 0, name.length - 1)).toSorted();
  } finally {
    closeSync(fd);
  }
}

function statOf(root: number, path: string): { readonly mode: number } | undefined {
  const fd = openIf(root, path, O_PATH | O_NOFOLLOW);
  if (fd === undefined) return undefined;
  try {
    return statFd(fd);
  } finally {
    closeSync(fd);
  }
}

export function openIf(root: number, path: string, flags: number): number | undefined {
  try {
    return openInRoot(root, path, flags);
  } catch (error) {
    if (isErrno(error, ...ABSENT)) return undefined;
    throw error;
  }
}

export function componentsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

/**
 * Whether a file is an archive that ADD unpacks, by its content.
 *
 * @returns `foreign`: it is compressed in a way that only other programs know.
 */
function archiveKind(root: number, path: string): 'archive' | 'foreign' | undefined {
  const fd = openIf(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd === undefined) return undefined;
  try {
    if ((statFd(fd).mode & S_IFMT) !== S_IFREG) return undefined;
    const buffer = Buffer.allocUnsafe(HEAD_BYTES);
    const head = buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0));
    if (head.subarray(0, 6).equals(XZ) || head.subarray(0, 3).toString('latin1') === 'BZh') return 'foreign';
    return isTar(decompressed(head)) ? 'archive' : undefined;
  } finally {
    closeSync(fd);
  }
}

const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);

function decompressed(head: Buffer): Buffer {
  try {
    const kind = detectCompression(head);
    if (kind === 'gzip')
      return gunzipSync(head, { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: MAX_LOOK_BYTES });
    if (kind === 'zstd')
      return zstdDecompressSync(head, { finishFlush: zlib.ZSTD_e_flush, maxOutputLength: MAX_LOOK_BYTES });
    return head;
  } catch (error) {
    if (codeOf(error) !== 'ERR_BUFFER_TOO_LARGE') return Buffer.alloc(0); // compressed, but no tar
    return decompressed(head.subarray(0, head.length / 2)); // the beginning is all that matters
  }
}

/** By the sum in the header of its first entry. */
function isTar(bytes: Buffer): boolean {
  if (bytes.length < BLOCK_SIZE) return false;
  const block = Buffer.from(bytes.subarray(0, BLOCK_SIZE));
  const wanted = Number.parseInt(block.toString('latin1', 148, 156).replace(/[\0 ]+/g, ''), 8);
  if (!block.subarray(0, 100).some(byte => byte !== 0)) return false;
  block.fill(' ', 148, 156);
  return block.reduce((sum, byte) => sum + byte, 0) === wanted;
}

function missing(root: number, name: string): EngineError {
  const link = deadLink(root, name);
  if (link) {
    const what = link.path === name ? 'it' : link.path.slice(1);
    const target = JSON.stringify(link.target);
    return new EngineError(
      'notFound',
      `stat ${name.slice(1)}: file does not exist: ${what} is a link to ${target}, which is not in there: links do not lead outside`,
    );
  }
  const slash = name.lastIndexOf('/');
  const near = nearest(name.slice(slash + 1), namesIn(root, name.slice(0, slash)));
  const hint = near === undefined ? '' : `; there is ${JSON.stringify(`${name.slice(1, slash + 1)}${near}`)}`;
  return new EngineError('notFound', `stat ${name.slice(1)}: file does not exist${hint}`);
}

/** The first link on the way that leads to nothing. */
function deadLink(
  root: number,
  name: string,
): { readonly path: string; readonly target: string } | undefined {
  let path = '';
  for (const part of componentsOf(name)) {
    path += `/${part}`;
    const fd = openIf(root, path, O_PATH | O_NOFOLLOW);
    if (fd === undefined) return undefined;
    try {
      const isLink = (statFd(fd).mode & S_IFMT) === S_IFLNK;
      const place = isLink ? resolvedIf(root, path) : path;
      if (place === undefined || !statOf(root, place))
        return { path, target: readlinkAt(fd, '').toString('utf8').slice(0, -1) }; // without its NUL
    } finally {
      closeSync(fd);
    }
  }
  return undefined;
}

function leftOut(name: string): EngineError {
  return new EngineError('notFound', `stat ${name.slice(1)}: file does not exist: .dockerignore excludes it`);
}
