import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import type { TarEntry } from '#spec/tar/tar-entry';

/** A file that the content of an entry is written to: holes stay holes. */
export class EntryFile {
  readonly fd: number;
  readonly entry: TarEntry;
  #segment = 0;
  #done = 0;

  constructor(fd: number, entry: TarEntry) {
    this.fd = fd;
    this.entry = entry;
  }

  get sizeBytes(): number {
    return this.entry.sparse?.realSize ?? this.entry.size;
  }

  write(bytes: Buffer): void {
    if (this.entry.sparse) return this.#writeSparse(this.entry.sparse.segments, bytes);
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.fd, bytes, offset);
  }

  /** A hole at the end has no bytes. */
  extend(): void {
    if (this.entry.sparse) ftruncateSync(this.fd, this.entry.sparse.realSize);
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Each piece to its place; what lies between stays a hole. */
  #writeSparse(segments: NonNullable<TarEntry['sparse']>['segments'], bytes: Buffer): void {
    for (let offset = 0; offset < bytes.length; ) {
      const segment = segments[this.#segment];
      if (!segment) throw new TypeError('a sparse file has as many bytes as its map');
      const length = Math.min(segment.length - this.#done, bytes.length - offset);
      const written =
        length === 0 ? 0 : writeSync(this.fd, bytes, offset, length, segment.offset + this.#done);
      offset += written;
      this.#done += written;
      if (this.#done < segment.length) continue;
      this.#segment += 1;
      this.#done = 0;
    }
  }
}
