const MAGIC = 0xfd2fb528;
/** The last digit is free (RFC 8878, 3.1.2). */
const SKIPPABLE = 0x184d2a50;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
/** of a frame: magic, descriptor, window, dictionary, size of the content */
const LONGEST_HEAD = 4 + 1 + 1 + 4 + 8;

type State = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block' | 'lost';

/**
 * Finds the frames of a zstd stream as it passes (RFC 8878), and how much memory each wants of who decompresses it: its window.
 * What is no zstd is left to whoever decompresses it, who says so.
 */
export class ZstdFrameScanner {
  readonly #head = Buffer.alloc(LONGEST_HEAD);
  #state: State = 'magic';
  #fill = 0;
  #wanted = MAGIC_BYTES;
  /** content that says nothing */
  #skip = 0;
  #hasChecksum = false;

  /** @returns the largest window, in bytes, of the frames whose header ends in this piece; 0 when there is none. */
  scan(bytes: Buffer): number {
    let largest = 0;
    for (let offset = 0; offset < bytes.length && this.#state !== 'lost'; ) {
      const skipped = Math.min(this.#skip, bytes.length - offset);
      this.#skip -= skipped;
      offset += skipped;
      const copied = bytes.copy(this.#head, this.#fill, offset, offset + this.#wanted - this.#fill);
      this.#fill += copied;
      offset += copied;
      if (this.#fill === this.#wanted) largest = Math.max(largest, this.#next());
    }
    return largest;
  }

  /** What was wanted is there. @returns the window, of a frame. */
  #next(): number {
    switch (this.#state) {
      case 'magic':
        this.#magic(this.#head.readUInt32LE(0));
        return 0;
      case 'skippable':
        this.#skip = this.#head.readUInt32LE(0);
        this.#want('magic', MAGIC_BYTES);
        return 0;
      case 'descriptor':
        this.#fill = 1; // the header follows it
        this.#wanted = 1 + headerBytes(this.#head[0] ?? 0);
        this.#state = 'header';
        return this.#fill === this.#wanted ? this.#next() : 0;
      case 'header':
        this.#hasChecksum = ((this.#head[0] ?? 0) & 4) !== 0;
        this.#want('block', BLOCK_HEADER_BYTES);
        return windowBytes(this.#head);
      case 'block':
        this.#block(this.#head.readUIntLE(0, BLOCK_HEADER_BYTES));
        return 0;
      case 'lost':
        return 0;
    }
  }

  #magic(value: number): void {
    if (value === MAGIC) this.#want('descriptor', 1);
    else if ((value & ~0xf) === SKIPPABLE) this.#want('skippable', 4);
    else this.#state = 'lost';
  }

  #block(header: number): void {
    const size = header >>> 3;
    this.#skip = ((header >>> 1) & 3) === RLE_BLOCK ? 1 : size;
    if ((header & 1) === 0) return this.#want('block', BLOCK_HEADER_BYTES);
    if (this.#hasChecksum) this.#skip += CHECKSUM_BYTES;
    this.#want('magic', MAGIC_BYTES);
  }

  #want(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
    this.#fill = 0;
  }
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0;
}

/** What follows the descriptor. */
function headerBytes(descriptor: number): number {
  const window = isSingleSegment(descriptor) ? 0 : 1;
  return window + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + contentSizeBytes(descriptor);
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >>> 6;
  return flag === 0 && isSingleSegment(descriptor) ? 1 : (CONTENT_SIZE_BYTES[flag] ?? 0);
}

/** A frame of a single segment needs its whole content in memory. */
function windowBytes(head: Buffer): number {
  const descriptor = head[0] ?? 0;
  if (!isSingleSegment(descriptor)) {
    const window = head[1] ?? 0;
    const base = 2 ** (10 + (window >>> 3));
    return base + (base / 8) * (window & 7);
  }
  const at = 1 + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0);
  const length = contentSizeBytes(descriptor);
  if (length === 8) return Number(head.readBigUInt64LE(at));
  return head.readUIntLE(at, length) + (length === 2 ? 256 : 0);
}
