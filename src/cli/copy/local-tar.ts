import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { byteString } from '#spec/tar/byte-string';
import { TAR_END, type TarEntryInit, tarHeader, tarPadding } from '#spec/tar/tar-writer';

/**
 * A tar of a file or directory of this machine, under another name. Links are taken as they are; what is neither file,
 * directory nor link is left out. Everything belongs to root in it, unless owners are kept.
 */
export async function* localTar(
  path: string,
  name: string,
  { keepsOwners }: { readonly keepsOwners: boolean },
): AsyncGenerator<Buffer> {
  yield* entries(path, byteString(name), keepsOwners);
  yield TAR_END;
}

async function* entries(path: string, name: string, keepsOwners: boolean): AsyncGenerator<Buffer> {
  const stat = await lstat(path);
  const entry = entryOf(stat, name, keepsOwners);
  if (stat.isSymbolicLink()) {
    yield tarHeader({ ...entry, type: 'symlink', linkPath: byteString(await readlink(path)) });
  } else if (stat.isFile()) {
    yield tarHeader({ ...entry, size: stat.size });
    yield* exactly(path, stat.size);
    yield tarPadding(stat.size);
  } else if (stat.isDirectory()) {
    yield tarHeader({ ...entry, path: name === '' ? './' : `${name}/`, type: 'directory' });
    for (const child of await readdir(path)) {
      const below = name === '' ? byteString(child) : `${name}/${byteString(child)}`;
      yield* entries(join(path, child), below, keepsOwners);
    }
  }
}

function entryOf({ mode, uid, gid, mtimeMs }: Stats, path: string, keepsOwners: boolean): TarEntryInit {
  return {
    path,
    mode: mode & 0o7777,
    mtimeSeconds: Math.floor(mtimeMs / 1000),
    ...(keepsOwners && { uid, gid }),
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
