import { closeSync } from 'node:fs';
import {
  AT_FDCWD,
  type FileStat,
  openDirectoryAt,
  openSubdirectory,
  readDirectory,
  readlinkAt,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  statAt,
} from './at.ts';
import { getXattr, listXattrs } from './xattr.ts';

/** No honest tree is deeper. */
const MAX_DEPTH = 4096;

/**
 * Whether two trees have the same names with the same attributes: types, owners, modes, times, sizes, devices, targets,
 * numbers of names, extended attributes. Contents are not looked at. Neither tree may change meanwhile; no link is followed.
 *
 * @returns what is different first, or `undefined`.
 */
export function firstDifference(
  one: string,
  other: string,
  shouldStop: () => boolean = () => false,
): string | undefined {
  const fds = [openDirectoryAt(AT_FDCWD, one), openDirectoryAt(AT_FDCWD, other)] as const;
  try {
    return differenceIn({ roots: [one, other], shouldStop }, fds, '', 0);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

interface Comparison {
  readonly roots: readonly [string, string];
  readonly shouldStop: () => boolean;
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
    if ((statAt(fds[0], name).mode & S_IFMT) !== S_IFDIR) continue;
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
