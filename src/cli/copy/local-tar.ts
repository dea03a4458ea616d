import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { byteString, latin1 } from '#spec/tar/byte-string';
import { TAR_END, type TarEntryInit, tarHeader, tarPadding } from '#spec/tar/tar-writer';

/** What of a folder is taken. Names are byte strings, from the top of the archive (`''`), with `/` between. */
export interface Selection {
  takes(name: string, isDirectory: boolean): boolean;
  /** Asked for a directory that is not taken: whether something below it may be. */
  mayHold(directory: string): boolean;
}

/** With `--archive` or as Docker's copies: owners as they are here. Otherwise everything belongs to root. */
export interface LocalTarOptions {
  readonly keepsOwners?: boolean;
  /** Times without fractions of a second, which would take twice the bytes for small files. */
  readonly isRough?: boolean;
  /** absent: everything is taken */
  readonly selection?: Selection;
  /** Told of each entry before its bytes are read. */
  readonly onEntry?: (name: string, bytes: number) => void;
}

/** Chunks of that size are made of what is smaller: a folder of small files costs no more than one large file. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A tar of a file or directory of this machine, under another name (`''`: the content of a directory). Links are taken as they
 * are, further names of a file as such; sockets are left out. Names are sorted, so that the same folder gives the same tar.
 *
 * Reading is synchronous: a program that has nothing else to do is faster so by far.
 */
export async function* localTar(
  path: string,
  name: string,
  options: LocalTarOptions = {},
): AsyncGenerator<Buffer> {
  const walk = { keepsOwners: true, ...options, names: new Map<string, string>() };
  let pieces: Buffer[] = [];
  let bytes = 0;
  for (const piece of entries(Buffer.from(path), byteString(name), walk)) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(pieces, bytes);
    pieces = [];
    bytes = 0;
  }
  yield Buffer.concat([...pieces, TAR_END]);
}

interface Walk extends LocalTarOptions {
  readonly keepsOwners: boolean;
  /** of files that have several, by device and inode */
  readonly names: Map<string, string>;
}

function* entries(path: Buffer, name: string, walk: Walk): Generator<Buffer> {
  const stat = lstatSync(withoutSlash(path));
  const isDirectory = stat.isDirectory();
  const isTaken = walk.selection?.takes(name, isDirectory) ?? true;
  if (isTaken) yield* entryItself(path, name, stat, walk);
  if (!isDirectory || !(isTaken || walk.selection?.mayHold(name))) return;
  for (const child of readdirSync(path, { encoding: 'buffer' }).toSorted((one, other) =>
    one.compare(other),
  )) {
    const below = child.toString('latin1');
    yield* entries(joined(path, child), name === '' ? below : `${name}/${below}`, walk);
  }
}

function* entryItself(path: Buffer, name: string, stat: Stats, walk: Walk): Generator<Buffer> {
  const entry = entryOf(stat, name, walk);
  walk.onEntry?.(name, stat.isFile() ? stat.size : 0);
  if (stat.isSymbolicLink()) {
    const linkPath = readlinkSync(path, { encoding: 'latin1' });
    yield tarHeader({ ...entry, type: 'symlink', linkPath });
  } else if (stat.isFile()) {
    const first = firstName(stat, name, walk);
    if (first !== undefined) return yield tarHeader({ ...entry, type: 'hardlink', linkPath: first });
    yield tarHeader({ ...entry, size: stat.size });
    yield* exactly(path, stat.size);
    yield tarPadding(stat.size);
  } else if (stat.isDirectory()) {
    yield tarHeader({ ...entry, path: name === '' ? './' : `${name}/`, type: 'directory' });
  } else if (stat.isFIFO()) {
    yield tarHeader({ ...entry, type: 'fifo' });
  } else if (stat.isCharacterDevice() || stat.isBlockDevice()) {
    const type = stat.isBlockDevice() ? 'block' : 'character';
    yield tarHeader({ ...entry, type, ...deviceNumbers(stat.rdev) });
  }
}

function firstName({ nlink, dev, ino }: Stats, name: string, { names }: Walk): string | undefined {
  if (nlink < 2) return undefined;
  const key = `${dev} ${ino}`;
  const first = names.get(key);
  if (first === undefined) names.set(key, name);
  return first;
}

function entryOf({ mode, uid, gid, mtimeMs }: Stats, path: string, walk: Walk): TarEntryInit {
  const { keepsOwners, isRough } = walk;
  return {
    path,
    mode: mode & 0o7777,
    mtimeSeconds: isRough ? Math.trunc(mtimeMs / 1000) : mtimeMs / 1000,
    ...(keepsOwners && { uid, gid }),
  };
}

/** `major` and `minor` of glibc. */
function deviceNumbers(device: number): Pick<TarEntryInit, 'deviceMajor' | 'deviceMinor'> {
  return {
    deviceMajor: (device >>> 8) & 0xfff,
    deviceMinor: (device & 0xff) + Math.floor(device / 2 ** 20) * 256,
  };
}

/** As many bytes as the header promised, also when somebody writes to the file meanwhile. */
function* exactly(path: Buffer, size: number): Generator<Buffer> {
  if (size === 0) return;
  // What took the file's place since may be a link, or a pipe that would be waited for.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    for (let left = size; left > 0; ) {
      const chunk = Buffer.alloc(Math.min(left, CHUNK_BYTES)); // zeros where the file has become shorter
      for (let read = 0, count = 1; count > 0 && read < chunk.length; read += count)
        count = readSync(file, chunk, read, chunk.length - read, null);
      yield chunk;
      left -= chunk.length;
    }
  } finally {
    closeSync(file);
  }
}

const SLASH = latin1('/');

function joined(folder: Buffer, child: Buffer): Buffer {
  return folder.at(-1) === SLASH[0] ? Buffer.concat([folder, child]) : Buffer.concat([folder, SLASH, child]);
}

/** A slash at the end would follow a link. */
function withoutSlash(path: Buffer): Buffer {
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH[0]) end -= 1;
  return path.subarray(0, end);
}
