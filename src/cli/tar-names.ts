import type { FileHandle } from 'node:fs/promises';

const BLOCK = 512;
/** Archives made by `save` have their index among few entries; of a file system's thousands only the first are read. */
const MOST_ENTRIES = 2000;

/** The names of the first entries of an uncompressed tar file; none when it is something else. Contents are skipped. */
export async function namesInTar(file: FileHandle): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const header = Buffer.alloc(BLOCK);
  let position = 0;
  for (let count = 0; count < MOST_ENTRIES; count++) {
    const { bytesRead } = await file.read(header, 0, BLOCK, position);
    if (bytesRead < BLOCK || header.toString('latin1', 257, 262) !== 'ustar') break;
    names.add(textOf(header, 0, 100));
    const size = Number.parseInt(textOf(header, 124, 136), 8);
    if (!Number.isSafeInteger(size) || size < 0) break;
    position += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return names;
}

function textOf(header: Buffer, from: number, to: number): string {
  const end = header.indexOf(0, from);
  return header.toString('utf8', from, end === -1 || end > to ? to : end).trim();
}
