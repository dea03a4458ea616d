import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { byteString } from '#spec/tar/byte-string';
import { TAR_END, type TarEntryInit, tarHeader, tarPadding } from '#spec/tar/tar-writer';

/** With `--archive` or as Docker's copies: owners as they are here. Otherwise everything belongs to root. */
export interface LocalTarOptions {
  readonly keepsOwners?: boolean;
}

/**
 * A tar of a file or directory of this machine, under another name (`''`: the content of a directory). Links are taken as they
 * are, further names of a file as such; sockets are left out.
 */
export async function* localTar(
  path: string,
  name: string,
  { keepsOwners = true }: LocalTarOptions = {},
): AsyncGenerator<Buffer> {
  yield* entries(path, byteString(name), { keepsOwners, names: new Map() });
  yield TAR_END;
}

interface Walk {
  readonly keepsOwners: boolean;
  /** of files that have several, by device and inode */
  readonly names: Map<string, string>;
}

async function* entries(path: string, name: string, walk: Walk): AsyncGenerator<Buffer> {
  const stat = await lstat(path.replace(/(.)\/+$/, '$1'));
  const entry = entryOf(stat, name, walk);
  if (stat.isSymbolicLink()) {
    yield tarHeader({ ...entry, type: 'symlink', linkPath: byteString(await readlink(path)) });
  } else if (stat.isFile()) {
    const first = firstName(stat, name, walk);
    if (first !== undefined) return yield tarHeader({ ...entry, type: 'hardlink', linkPath: first });
    yield tarHeader({ ...entry, size: stat.size });
    yield* exactly(path, stat.size);
    yield tarPadding(stat.size);
  } else if (stat.isDirectory()) {
    yield tarHeader({ ...entry, path: name === '' ? './' : `${name}/`, type: 'directory' });
    for (const child of await readdir(path)) {
      const below = name === '' ? byteString(child) : `${name}/${byteString(child)}`;
      yield* entries(join(path, child), below, walk);
    }
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

function entryOf({ mode, uid, gid, mtimeMs }: Stats, path: string, { keepsOwners }: Walk): TarEntryInit {
  return {
    path,
    mode: mode & 0o7777,
    mtimeSeconds: mtimeMs / 1000,
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
async function* exactly(path: string, size: number): AsyncGenerator<Buffer> {
  let left = size;
  if (size > 0) {
    for await (const chunk of createReadStream(path, { end: size - 1 })) {
      const bytes = chunk as Buffer; // no encoding is set: buffers
      left -= bytes.length;
      yield bytes;
    }
  }
  for (; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536));
}
