import { type ExtendedFields, MAX_NAME, type MergedEntry, mergeEntry } from './merge-entry.ts';
import { type PaxFields, parsePax } from './pax.ts';
import { GnuSparseReader, PaxSparseReader, parseSparseList } from './sparse.ts';
import { BLOCK_SIZE, type TarEntry } from './tar-entry.ts';
import { tarError } from './tar-error.ts';
import { hasValidChecksum, isZeroBlock, parseHeader, type RawHeader } from './tar-header.ts';

/** Gets the entries of an archive, one after the other: `entry`, its content in pieces, `endEntry`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** Content of the current entry. The bytes belong to the chunk given to the parser. */
  data(bytes: Buffer): void;
  endEntry(): void;
}

export interface TarLimits {
  readonly maxEntries: number;
  /** bytes of content of all entries together */
  readonly maxBytes: number;
}

export const DEFAULT_TAR_LIMITS: TarLimits = { maxEntries: 5_000_000, maxBytes: 1024 ** 4 };

const MAX_LONG_NAME_BODY = MAX_NAME + BLOCK_SIZE;
const MAX_PAX_BODY = 1024 * 1024;
/** Extension headers in a row before an entry; honest archives have at most three. */
const MAX_EXTENSIONS = 8;
const NO_BYTES = Buffer.alloc(0);

type State = 'header' | 'extension' | 'map' | 'content' | 'padding' | 'ended';

/**
 * A streaming reader of tar archives (V7, ustar, PAX, GNU long names and sparse files), strict and bounded: memory use does not
 * depend on the archive. What Go's archive/tar does not accept, and what two readers could understand differently,
 * is refused. Whatever follows the end marker is ignored.
 */
export class TarParser {
  readonly #sink: TarSink;
  readonly #limits: TarLimits;
  readonly #block = Buffer.alloc(BLOCK_SIZE);
  #blockFill = 0;
  #state: State = 'header';
  #remaining = 0;
  #padding = 0;
  #paddingAtFirst = 0;
  #zeroBlocks = 0;
  #extension: { readonly flag: string; readonly body: Buffer; fill: number } | undefined;
  #extensions = 0;
  #pax: PaxFields = {};
  #longName: string | undefined;
  #longLink: string | undefined;
  #onMapBlock: (block: Buffer) => void = () => undefined;
  #entries = 0;
  #bytes = 0;
  /** bytes of all chunks before this one */
  #consumed = 0;
  /** where the block that was read last ends, in the archive */
  #blockEnd = 0;

  constructor(sink: TarSink, limits: Partial<TarLimits> = {}) {
    this.#sink = sink;
    this.#limits = { ...DEFAULT_TAR_LIMITS, ...limits };
  }

  /** @throws {EngineError} `invalid`; whatever the sink throws passes through. The parser is of no use afterwards. */
  write(chunk: Buffer): void {
    for (let offset = 0; offset < chunk.length && this.#state !== 'ended'; ) {
      offset = this.#step(chunk, offset);
    }
    this.#consumed += chunk.length;
  }

  /**
   * Says that the archive is complete: also without an end marker, and without anything that would fill up the last block
   * (umoci; Go's reader takes both).
   *
   * @throws {EngineError} `invalid` when it was cut.
   */
  end(): void {
    if (this.#state === 'ended') return;
    const isAtHeader = this.#state === 'header' && this.#blockFill === 0;
    const isAtContentEnd = this.#state === 'padding' && this.#padding === this.#paddingAtFirst;
    const isBetweenEntries = (isAtHeader || isAtContentEnd) && this.#extensions === 0;
    if (!isBetweenEntries || this.#entries === 0) throw tarError('unexpected end');
  }

  #step(chunk: Buffer, offset: number): number {
    switch (this.#state) {
      case 'header':
      case 'map':
        return this.#readBlock(chunk, offset);
      case 'extension':
        return this.#readExtension(chunk, offset);
      case 'content':
        return this.#readContent(chunk, offset);
      case 'padding':
        return this.#skipPadding(chunk, offset);
      case 'ended':
        return chunk.length;
    }
  }

  #readBlock(chunk: Buffer, offset: number): number {
    if (this.#blockFill === 0 && chunk.length - offset >= BLOCK_SIZE) {
      this.#blockEnd = this.#consumed + offset + BLOCK_SIZE;
      this.#wholeBlock(chunk, offset);
      return offset + BLOCK_SIZE;
    }
    const copied = chunk.copy(this.#block, this.#blockFill, offset);
    this.#blockFill += copied;
    if (this.#blockFill === BLOCK_SIZE) {
      this.#blockFill = 0;
      this.#blockEnd = this.#consumed + offset + copied;
      this.#wholeBlock(this.#block, 0);
    }
    return offset + copied;
  }

  #wholeBlock(block: Buffer, offset: number): void {
    if (this.#state === 'map') this.#onMapBlock(block.subarray(offset, offset + BLOCK_SIZE));
    else this.#header(block, offset);
  }

  #header(block: Buffer, offset: number): void {
    if (block[offset] === 0 && isZeroBlock(block, offset)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#endArchive();
      return;
    }
    if (this.#zeroBlocks > 0) throw tarError('data after a block of zeros');
    if (!hasValidChecksum(block, offset)) throw this.#badChecksum();
    const header = parseHeader(block, offset);
    switch (header.flag) {
      case 'x':
      case 'X':
        return this.#beginExtension(header, MAX_PAX_BODY);
      case 'g': // global defaults: ignored, as Docker does (git archives carry a comment there)
        if (this.#extensions > 0) throw tarError('a global header between an extension header and its entry');
        return this.#beginExtension(header, MAX_PAX_BODY);
      case 'L':
      case 'K':
        return this.#beginExtension(header, MAX_LONG_NAME_BODY);
      case 'S':
        if (this.#pax.sparse) throw tarError('a sparse file of two formats');
        return this.#beginGnuSparse(header, new GnuSparseReader(block, offset));
      default:
        if (this.#pax.sparse) return this.#beginPaxSparse(header, this.#pax.sparse);
        return this.#beginEntry(mergeEntry(header, this.#extended));
    }
  }

  #badChecksum(): Error {
    const isFirst = this.#entries === 0 && this.#extensions === 0;
    return tarError(isFirst ? 'this is something else (wrong header checksum)' : 'wrong header checksum');
  }

  #endArchive(): void {
    if (this.#extensions > 0) throw tarError('an extension header without an entry');
    this.#state = 'ended';
  }

  #beginExtension(header: RawHeader, limit: number): void {
    this.#extensions += 1;
    if (this.#extensions > MAX_EXTENSIONS) throw tarError('too many extension headers');
    if (header.size < 0 || header.size > limit) throw tarError('extension header is too large');
    this.#extension = { flag: header.flag, body: Buffer.allocUnsafe(header.size), fill: 0 };
    this.#padding = paddingOf(header.size);
    this.#state = 'extension';
    if (header.size === 0) this.#endExtension();
  }

  #readExtension(chunk: Buffer, offset: number): number {
    const extension = this.#extension;
    if (!extension) throw new TypeError('no extension header is being read');
    const copied = chunk.copy(extension.body, extension.fill, offset);
    extension.fill += copied;
    if (extension.fill === extension.body.length) this.#endExtension();
    return offset + copied;
  }

  #endExtension(): void {
    const { flag = '', body = NO_BYTES } = this.#extension ?? {};
    this.#extension = undefined;
    this.#state = this.#padding > 0 ? 'padding' : 'header';
    switch (flag) {
      case 'x':
      case 'X':
        this.#pax = parsePax(body);
        return;
      case 'L':
        this.#longName = untilNul(body);
        return;
      case 'K':
        this.#longLink = untilNul(body);
        return;
      default:
        if (this.#extensions === 1) this.#extensions = 0; // a global header needs no entry after it
    }
  }

  /** What extension headers say about the next entry. */
  get #extended(): ExtendedFields {
    return { pax: this.#pax, longName: this.#longName, longLink: this.#longLink };
  }

  #beginGnuSparse(header: RawHeader, reader: GnuSparseReader): void {
    const begin = (): void => {
      const entry = mergeEntry(header, this.#extended);
      this.#beginEntry({ ...entry, sparse: reader.finish(entry.size) });
    };
    if (reader.isComplete) return begin();
    this.#state = 'map';
    this.#onMapBlock = block => {
      reader.addBlock(block);
      if (reader.isComplete) begin();
    };
  }

  #beginPaxSparse(header: RawHeader, fields: ReadonlyMap<string, string>): void {
    const entry = mergeEntry(header, this.#extended);
    const list = fields.get('map');
    if (list !== undefined) {
      return this.#beginEntry({ ...entry, sparse: parseSparseList(list, fields.get('size'), entry.size) });
    }
    if (fields.get('major') !== '1' || fields.get('minor') !== '0') throw tarError('unknown sparse format');
    const reader = new PaxSparseReader(fields.get('realsize'));
    this.#state = 'map';
    this.#onMapBlock = block => {
      const isComplete = reader.addBlock(block);
      const size = entry.size - reader.mapBytes;
      if (size < 0) throw tarError('malformed sparse map');
      if (isComplete) this.#beginEntry({ ...entry, size, sparse: reader.finish(size) });
    };
  }

  #beginEntry(entry: MergedEntry): void {
    this.#pax = {};
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#extensions = 0;
    this.#entries += 1;
    this.#bytes += entry.sparse?.realSize ?? entry.size;
    if (this.#entries > this.#limits.maxEntries)
      throw tarError(`more than ${this.#limits.maxEntries} entries`);
    if (this.#bytes > this.#limits.maxBytes) throw tarError(`more than ${this.#limits.maxBytes} bytes`);
    this.#remaining = entry.size;
    this.#padding = paddingOf(entry.size);
    this.#paddingAtFirst = this.#padding;
    this.#state = entry.size > 0 ? 'content' : 'header';
    this.#sink.entry({ ...entry, contentOffset: this.#blockEnd });
    if (entry.size === 0) this.#sink.endEntry();
  }

  #readContent(chunk: Buffer, offset: number): number {
    const length = Math.min(this.#remaining, chunk.length - offset);
    const isWhole = offset === 0 && length === chunk.length;
    this.#sink.data(isWhole ? chunk : chunk.subarray(offset, offset + length));
    this.#remaining -= length;
    if (this.#remaining === 0) {
      this.#state = this.#padding > 0 ? 'padding' : 'header';
      this.#sink.endEntry();
    }
    return offset + length;
  }

  #skipPadding(chunk: Buffer, offset: number): number {
    const length = Math.min(this.#padding, chunk.length - offset);
    this.#padding -= length;
    if (this.#padding === 0) this.#state = 'header';
    return offset + length;
  }
}

function paddingOf(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end < 0 ? body.length : end);
}
