import { closeSync, constants, readSync } from 'node:fs';
import {
  AT_FDCWD,
  type FileStat,
  openAt,
  openDirectoryAt,
  openSubdirectory,
  readDirectory,
  readlinkAt,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  statAt,
} from './at.ts';
import { getXattr, listXattrs } from './xattr.ts';

const { O_NOFOLLOW, O_RDONLY } = constants;
/** No honest tree is deeper. */
const MAX_DEPTH = 4096;

export interface CompareOptions {
  readonly shouldStop?: () => boolean;
  /** Of which files (byte strings, relative) the contents are compared, too. Default: of none. */
  readonly comparesContent?: (path: string) => boolean;
}

/**
 * Whether two trees have the same names with the same attributes: types, owners, modes, times, sizes, devices, targets,
 * numbers of names, extended attributes; and, where asked for, contents. Neither tree may change meanwhile; no link is followed.
 *
 * @returns what is different first, or `undefined`.
 */
export function firstDifference(
  one: string,
  other: string,
  { shouldStop = () => false, comparesContent = () => false }: CompareOptions = {},
): string | undefined {
  const fds = [openDirectoryAt(AT_FDCWD, one), openDirectoryAt(AT_FDCWD, other)] as const;
  try {
    const comparison: Comparison = { roots: [one, other], shouldStop, comparesContent };
    return entryDifference(comparison, fds, '/.', SELF) ?? differenceIn(comparison, fds, '', 0);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

const SELF = Buffer.from('.\0');
const READ_BYTES = 256 * 1024;

interface Comparison {
  readonly roots: readonly [string, string];
  readonly shouldStop: () => boolean;
  readonly comparesContent: (path: string) => boolean;
}

function differenceIn(
  comparison: Comparison,
  fds: readonly [number, number],
  path: string,
  depth: number,
): string | undefined {
  if (comparison.shouldStop()) return 'the comparison was stopped';
  if (depth > MAX_DEPTH) return `${path}: too deep`;
  const [own, others] = fds.map(namesIn) as [Map<string, Buffer>, Map<string, Buffer>]; // two for two
  if (own.size !== others.size) return `${path}: ${own.size} entries against ${others.size}`;
  for (const [key, name] of own) {
    const place = `${path}/${key}`;
    if (!others.has(key)) return `${place}: is missing`;
    const difference = entryDifference(comparison, fds, place, name);
    if (difference !== undefined) return difference;
    const type = statAt(fds[0], name).mode & S_IFMT;
    if (
      type === S_IFREG &&
      comparison.comparesContent(place.slice(1)) &&
      !hasSameContent(comparison, fds, name)
    ) {
      return `${place}: other content`;
    }
    if (type !== S_IFDIR) continue;
    const below = [openSubdirectory(fds[0], name), openSubdirectory(fds[1], name)] as const;
    try {
      const deeper = differenceIn(comparison, below, place, depth + 1);
      if (deeper !== undefined) return deeper;
    } finally {
      for (const fd of below) closeSync(fd);
    }
  }
  return undefined;
}

/** by name, one character per byte */
function namesIn(fd: number): Map<string, Buffer> {
  return new Map(
    [...readDirectory(fd)].map(({ name }) => [name.toString('latin1', 0, name.length - 1), name]),
  );
}

function entryDifference(
  { roots }: Comparison,
  fds: readonly [number, number],
  place: string,
  name: Buffer,
): string | undefined {
  const [own, others] = [statAt(fds[0], name), statAt(fds[1], name)];
  const [mine, theirs] = [attributesOf(own), attributesOf(others)];
  if (mine !== theirs) return `${place}: ${mine} against ${theirs}`;
  if ((own.mode & S_IFMT) === S_IFLNK && !readlinkAt(fds[0], name).equals(readlinkAt(fds[1], name))) {
    return `${place}: leads elsewhere`;
  }
  const paths = roots.map(root => Buffer.concat([Buffer.from(root), Buffer.from(`${place}\0`, 'latin1')]));
  const [first, second] = paths.map(xattrsOf);
  return first === second ? undefined : `${place}: other extended attributes`;
}

/** Both are regular files of the same size. */
function hasSameContent(
  { shouldStop }: Comparison,
  parents: readonly [number, number],
  name: Buffer,
): boolean {
  const fds = parents.map(parent => openAt(parent, name, O_RDONLY | O_NOFOLLOW));
  const buffers = fds.map(() => Buffer.allocUnsafe(READ_BYTES));
  try {
    for (let position = 0; !shouldStop(); ) {
      const [one, other] = fds.map((fd, side) => filled(fd, buffers[side] ?? Buffer.alloc(0), position));
      if (!one || !other || !one.equals(other)) return false;
      if (one.length < READ_BYTES) return true;
      position += one.length;
    }
    return false;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Less at the end of the file only. */
function filled(fd: number, buffer: Buffer, position: number): Buffer {
  let fill = 0;
  while (fill < buffer.length) {
    const count = readSync(fd, buffer, fill, buffer.length - fill, position + fill);
    if (count === 0) break;
    fill += count;
  }
  return buffer.subarray(0, fill);
}

function attributesOf(stat: FileStat): string {
  const { mode, uid, gid, mtimeSeconds, mtimeNanos, deviceMajor, deviceMinor, size, links } = stat;
  // What a directory takes is the file system's business.
  const own = (mode & S_IFMT) === S_IFDIR ? '' : ` ${size} bytes ${links} names`;
  return `${mode.toString(8)} ${uid}:${gid} ${mtimeSeconds}.${mtimeNanos} ${deviceMajor}:${deviceMinor}${own}`;
}

function xattrsOf(path: Buffer): string {
  const names = listXattrs(path).sort();
  return names.map(name => `${name}=${getXattr(path, name)?.toString('base64') ?? ''}`).join('\n');
}
