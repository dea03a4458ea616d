import { closeSync, createReadStream, createWriteStream, openSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import { EngineError } from '#base/errors';
import { LayerDirectory as Directory, type LayerDirectory, type LayerNode } from '#spec/erofs/layer-node';
import { latin1 } from '#spec/tar/byte-string';

/** A stretch of a tar that is the content of a file, which can be read elsewhere. */
export interface TarContent {
  readonly offset: number;
  readonly length: number;
  /** byte string, relative */
  readonly path: string;
}

const MAGIC = Buffer.from('quai-tar-frame-1');
const RAW = 0;
const CONTENT = 1;
const END = 2;
/** kind 1, length 6, length of the path 2 */
const HEAD_BYTES = 9;
const COPY_BYTES = 256 * 1024;
/** Less is kept in the frame: naming it would take as much. */
const MIN_CONTENT = 256;

/** The contents that the tree shows, in the order of the tar. Sparse files, and what later entries replaced, are not among them. */
export function contentsOf(root: LayerDirectory): TarContent[] {
  const contents: TarContent[] = [];
  const seen = new Set<LayerNode>();
  const walk = (directory: LayerDirectory, prefix: string): void => {
    for (const [name, node] of directory.children) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      if (node instanceof Directory) walk(node, path);
      else if (node.type === 'file' && !node.sparse && node.size >= MIN_CONTENT && !seen.has(node)) {
        seen.add(node);
        contents.push({ offset: node.contentOffset, length: node.size, path });
      }
    }
  };
  walk(root, '');
  return contents.sort((one, other) => one.offset - other.offset);
}

/**
 * Writes what a tar has beside the contents of its files, compressed: with those it is the same tar again, byte for byte.
 *
 *   magic, then records: 0 length bytes   as they are
 *                        1 length path    the content of that file
 *                        2                the end
 */
export async function writeTarFrame(
  tar: string,
  tarBytes: number,
  contents: readonly TarContent[],
  frame: string,
): Promise<void> {
  const fd = openSync(tar, 'r');
  try {
    await pipeline(
      Readable.from(records(fd, tarBytes, contents), { objectMode: false }),
      createZstdCompress(),
      createWriteStream(frame, { flags: 'wx', mode: 0o600, flush: true }),
    );
  } finally {
    closeSync(fd);
  }
}

function* records(fd: number, tarBytes: number, contents: readonly TarContent[]): Generator<Buffer> {
  yield MAGIC;
  let position = 0;
  for (const { offset, length, path } of contents) {
    yield* raw(fd, position, offset);
    const name = latin1(path);
    yield head(CONTENT, length, name.length);
    yield name;
    position = offset + length;
  }
  yield* raw(fd, position, tarBytes);
  yield head(END, 0, 0);
}

function* raw(fd: number, from: number, to: number): Generator<Buffer> {
  for (let position = from; position < to; ) {
    const bytes = Buffer.allocUnsafe(Math.min(COPY_BYTES, to - position));
    const length = readSync(fd, bytes, 0, bytes.length, position);
    if (length === 0) throw new EngineError('dataLoss', 'the tar of a layer is shorter than it was');
    yield head(RAW, length, 0);
    yield bytes.subarray(0, length);
    position += length;
  }
}

function head(kind: number, length: number, pathLength: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes[0] = kind;
  bytes.writeUIntLE(length, 1, 6);
  bytes.writeUInt16LE(pathLength, 7);
  return bytes;
}

/**
 * The tar again. A chunk is valid until the next is asked for.
 *
 * @param open gives a descriptor of the file with a content; it is closed here
 * @throws {EngineError} `dataLoss` when the frame is cut, or a file is shorter than it was.
 */
export async function* rebuildTar(frame: string, open: (path: string) => number): AsyncGenerator<Buffer> {
  const reader = new FrameReader(frame);
  try {
    if (!(await reader.take(MAGIC.length)).equals(MAGIC)) throw damaged(frame);
    for (;;) {
      const record = await reader.take(HEAD_BYTES);
      const kind = record[0];
      const length = record.readUIntLE(1, 6);
      if (kind === END) return;
      if (kind === RAW) yield* reader.pass(length);
      else if (kind === CONTENT) {
        const path = (await reader.take(record.readUInt16LE(7))).toString('latin1');
        yield* content(open(path), length, path);
      } else throw damaged(frame);
    }
  } finally {
    reader.close();
  }
}

function* content(fd: number, length: number, path: string): Generator<Buffer> {
  try {
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, length));
    for (let done = 0; done < length; ) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, length - done), done);
      if (count === 0) throw new EngineError('dataLoss', `a file of a layer is shorter than it was: ${path}`);
      yield buffer.subarray(0, count);
      done += count;
    }
  } finally {
    closeSync(fd);
  }
}

class FrameReader {
  readonly #path: string;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<unknown>;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
    const file = createReadStream(path);
    const stream = createZstdDecompress();
    file.on('error', error => stream.destroy(error));
    stream.on('close', () => file.destroy());
    this.#stream = file.pipe(stream);
    this.#chunks = this.#stream[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.pass(length)) parts.push(part);
    return parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
  }

  async *pass(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) await this.#more();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  async #more(): Promise<void> {
    let next: IteratorResult<unknown>;
    try {
      next = await this.#chunks.next();
    } catch (error) {
      throw new EngineError('dataLoss', `cannot read ${this.#path}`, { cause: error });
    }
    if (next.done) throw damaged(this.#path);
    this.#rest = next.value as Buffer<ArrayBuffer>; // no encoding is set
  }
}

function damaged(frame: string): EngineError {
  return new EngineError('dataLoss', `the frame of a layer is damaged: ${frame}`);
}
