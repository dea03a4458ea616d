import { type PaxFields, parsePax } from './pax.ts';
import { BLOCK_SIZE, type TarEntry } from './tar-entry.ts';
import { tarError } from './tar-error.ts';
import { isZeroBlock, parseHeader, type RawHeader } from './tar-header.ts';

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

const MAX_NAME = 4096;
const MAX_LONG_NAME_BODY = MAX_NAME + BLOCK_SIZE;
const MAX_PAX_BODY = 1024 * 1024;
/** Extension headers in a row before an entry; honest archives have at most three. */
const MAX_EXTENSIONS = 8;
/** 2^32 - 1 is -1 to chown(2): "leave it". */
const MAX_ID = 0xffff_fffe;
const NO_BYTES = Buffer.alloc(0);
const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

const ENTRY_TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

type State = 'header' | 'extension' | 'content' | 'padding' | 'ended';

/**
 * A streaming reader of tar archives (V7, ustar, PAX, GNU long names), strict and bounded: memory use does not
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
  #zeroBlocks = 0;
  #extension: { readonly flag: string; readonly body: Buffer; fill: number } | undefined;
  #extensions = 0;
  #pax: PaxFields = {};
  #longName: string | undefined;
  #longLink: string | undefined;
  #entries = 0;
  #bytes = 0;

  constructor(sink: TarSink, limits: Partial<TarLimits> = {}) {
    this.#sink = sink;
    this.#limits = { ...DEFAULT_TAR_LIMITS, ...limits };
  }

  /** @throws {EngineError} `invalid`; whatever the sink throws passes through. The parser is of no use afterwards. */
  write(chunk: Buffer): void {
    for (let offset = 0; offset < chunk.length && this.#state !== 'ended'; ) {
      offset = this.#step(chunk, offset);
    }
  }

  /** Says that the archive is complete. @throws {EngineError} `invalid` when it was cut. */
  end(): void {
    if (this.#state === 'ended') return;
    const isBetweenEntries = this.#state === 'header' && this.#blockFill === 0 && this.#extensions === 0;
    if (!isBetweenEntries || this.#entries === 0) throw tarError('unexpected end');
  }

  #step(chunk: Buffer, offset: number): number {
    switch (this.#state) {
      case 'header':
        return this.#readHeader(chunk, offset);
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

  #readHeader(chunk: Buffer, offset: number): number {
    if (this.#blockFill === 0 && chunk.length - offset >= BLOCK_SIZE) {
      this.#header(chunk, offset);
      return offset + BLOCK_SIZE;
    }
    const copied = chunk.copy(this.#block, this.#blockFill, offset);
    this.#blockFill += copied;
    if (this.#blockFill === BLOCK_SIZE) {
      this.#blockFill = 0;
      this.#header(this.#block, 0);
    }
    return offset + copied;
  }

  #header(block: Buffer, offset: number): void {
    if (block[offset] === 0 && isZeroBlock(block, offset)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#endArchive();
      return;
    }
    if (this.#zeroBlocks > 0) throw tarError('data after a block of zeros');
    const header = parseHeader(block, offset);
    switch (header.flag) {
      case 'x':
      case 'X':
        return this.#beginExtension(header, MAX_PAX_BODY);
      case 'g': // global defaults: ignored, as Docker does (git archives carry a comment there)
        return this.#beginExtension(header, MAX_PAX_BODY);
      case 'L':
      case 'K':
        return this.#beginExtension(header, MAX_LONG_NAME_BODY);
      default:
        return this.#beginEntry(header);
    }
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

  #beginEntry(header: RawHeader): void {
    const entry = this.#merge(header);
    this.#pax = {};
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#extensions = 0;
    this.#entries += 1;
    this.#bytes += entry.size;
    if (this.#entries > this.#limits.maxEntries)
      throw tarError(`more than ${this.#limits.maxEntries} entries`);
    if (this.#bytes > this.#limits.maxBytes) throw tarError(`more than ${this.#limits.maxBytes} bytes`);
    this.#remaining = entry.size;
    this.#padding = paddingOf(entry.size);
    this.#sink.entry(entry);
    if (entry.size > 0) this.#state = 'content';
    else this.#sink.endEntry();
  }

  #merge(header: RawHeader): TarEntry {
    const pax = this.#pax;
    if (pax.sparse !== undefined || header.flag === 'S') {
      throw tarError('sparse files are not supported: make the archive without --sparse');
    }
    const path = agreed(pax.path, this.#longName) ?? header.path;
    const linkPath = agreed(pax.linkPath, this.#longLink) ?? header.linkPath;
    const type = entryType(header.flag, path);
    const size = pax.size ?? header.size;
    if (path === '') throw tarError('an entry without a name');
    if (path.length > MAX_NAME || linkPath.length > MAX_NAME) throw tarError('a name is too long');
    if (size < 0) throw tarError('negative size');
    return {
      path,
      type,
      mode: header.mode,
      uid: idInRange(pax.uid ?? header.uid),
      gid: idInRange(pax.gid ?? header.gid),
      // Links and directories have no content whatever their header says (Go's archive/tar, libarchive).
      size: type === 'file' ? size : 0,
      mtimeSeconds: pax.mtimeSeconds ?? header.mtimeSeconds,
      mtimeNanos: pax.mtimeNanos ?? 0,
      linkPath: type === 'hardlink' || type === 'symlink' ? linkPath : '',
      ...deviceNumbers(type, header),
      xattrs: pax.xattrs ?? NO_XATTRS,
    };
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

function entryType(flag: string, path: string): TarEntry['type'] {
  const type = ENTRY_TYPES[flag];
  if (type === undefined) throw tarError(`unsupported entry type ${JSON.stringify(flag)}`);
  // V7 had no type for directories.
  return type === 'file' && flag !== '7' && path.endsWith('/') ? 'directory' : type;
}

/** Two readers that prefer different extensions must not see different names. */
function agreed(pax: string | undefined, gnu: string | undefined): string | undefined {
  if (pax !== undefined && gnu !== undefined && pax !== gnu) throw tarError('PAX and GNU headers disagree');
  return pax ?? gnu;
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end < 0 ? body.length : end);
}

function idInRange(id: number): number {
  if (id < 0 || id > MAX_ID) throw tarError(`owner ${id} is out of range`);
  return id;
}

/** Linux has 12 bits for the major and 20 for the minor number. Other types may carry garbage there. */
function deviceNumbers(
  type: TarEntry['type'],
  header: RawHeader,
): { deviceMajor: number; deviceMinor: number } {
  if (type !== 'character' && type !== 'block') return { deviceMajor: 0, deviceMinor: 0 };
  const { deviceMajor, deviceMinor } = header;
  if (deviceMajor < 0 || deviceMajor > 0xfff || deviceMinor < 0 || deviceMinor > 0xf_ffff) {
    throw tarError(`device number ${deviceMajor}:${deviceMinor} is out of range`);
  }
  return { deviceMajor, deviceMinor };
}
