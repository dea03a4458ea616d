import { DIRENT_BYTES, EROFS_BLOCK, type ErofsType, encodeDirent } from './erofs-format.ts';

export interface DirectoryEntry {
  /** byte string */
  readonly name: string;
  readonly type: ErofsType;
  readonly inodeOffset: number;
}

/** Bytes of a directory whose entries have these names, in order: whole blocks, then the last one as far as it is used. */
export function directorySize(names: Iterable<string>): number {
  let blocks = 0;
  let used = 0;
  for (const name of names) {
    const bytes = DIRENT_BYTES + name.length;
    if (used + bytes > EROFS_BLOCK) {
      blocks += 1;
      used = 0;
    }
    used += bytes;
  }
  return blocks * EROFS_BLOCK + used;
}

/**
 * Writes the blocks of a directory at `offset`, where all is zero. The kernel looks for a name by halves, in the blocks and in
 * each block: names ascend byte by byte, with `.` and `..` among them.
 */
export function encodeDirectory(bytes: Buffer, offset: number, entries: readonly DirectoryEntry[]): void {
  let block = offset;
  for (let first = 0; first < entries.length; ) {
    const count = fitting(entries, first);
    let nameOffset = count * DIRENT_BYTES;
    for (let index = 0; index < count; index += 1) {
      const entry = entries[first + index];
      if (!entry) throw new TypeError('counted before');
      encodeDirent(bytes, block + index * DIRENT_BYTES, entry, nameOffset);
      bytes.write(entry.name, block + nameOffset, 'latin1');
      nameOffset += entry.name.length;
    }
    first += count;
    block += EROFS_BLOCK;
  }
}

function fitting(entries: readonly DirectoryEntry[], first: number): number {
  let used = 0;
  let count = 0;
  for (let entry = entries[first]; entry; entry = entries[first + count]) {
    used += DIRENT_BYTES + entry.name.length;
    if (used > EROFS_BLOCK) break;
    count += 1;
  }
  return count;
}
