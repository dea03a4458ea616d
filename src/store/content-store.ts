import { createHash, type Hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { isErrno } from '#sys/sys-error';
import { Appender } from './appender.ts';

export interface ContentWriter extends AsyncDisposable {
  /** bytes written so far */
  readonly size: number;
  /** where the bytes are until {@link commit} */
  readonly path: string;
  /** Appends. One call at a time. */
  write(bytes: Buffer): Promise<void>;
  /** Says what all bytes are, where they are hashed by whoever reads along ({@link WriterOptions.onWritten}). */
  isHashed(digest: Digest): void;
  /** Nothing more will be written, and all of it can be read. */
  end(): Promise<void>;
  /** Ends writing without publishing: the digest of all bytes. A second call gives the same. */
  seal(): Promise<Digest>;
  /** Gets a sealed blob onto the disk, so that {@link commit} has little to do. */
  flush(): Promise<void>;
  /**
   * Publishes the bytes under their digest: on disk to stay, seen whole or not at all. Happy when they are there already.
   *
   * @throws {EngineError} `dataLoss` when size or digest is not what was expected; then nothing is published.
   */
  commit(expected?: { readonly digest?: Digest; readonly sizeBytes?: number }): Promise<Digest>;
}

export interface WriterOptions {
  /** Told how many bytes can be read, by somebody who hashes them: they are not hashed here. */
  readonly onWritten?: (bytes: number) => void;
}

/**
 * Blobs by their digest. A blob is never changed; it is there whole or not at all.
 *
 *   <root>/blobs/sha256/<hex>
 *   <root>/ingest/…             being written; what is there at start is swept
 *
 * Who refers to a blob is known by the tables of others: they remove what they no longer need.
 */
export class ContentStore {
  readonly root: string;
  readonly #blobs: string;
  readonly #ingest: string;
  /** names of what is written now begin so */
  readonly #life = `${process.pid}-${Date.now()}-`;
  #ingests = 0;

  constructor({ root }: { readonly root: string }) {
    this.root = root;
    this.#blobs = join(root, 'blobs', 'sha256');
    this.#ingest = join(root, 'ingest');
    mkdirSync(this.#blobs, { recursive: true, mode: 0o700 });
    mkdirSync(this.#ingest, { recursive: true, mode: 0o700 });
  }

  /** A writer for a new blob. Disposed without {@link ContentWriter.commit}, it leaves nothing. */
  async writer(options: WriterOptions = {}): Promise<ContentWriter> {
    const path = this.freshPath();
    const handle = await open(path, 'wx', 0o600);
    const pathOf = (digest: Digest): string => this.path(digest);
    return new BlobWriter({ ...options, handle, path, pathOf, directory: this.#blobs });
  }

  /** A name for a file that is written elsewhere, for {@link adopt}. What is left of it at the next start is swept. */
  freshPath(): string {
    this.#ingests += 1;
    return join(this.#ingest, `${this.#life}${this.#ingests}`);
  }

  /** Stores a small blob. */
  async add(bytes: Buffer, expected?: { readonly digest?: Digest }): Promise<Digest> {
    await using writer = await this.writer();
    await writer.write(bytes);
    return await writer.commit(expected);
  }

  /**
   * Makes a file that was written and hashed elsewhere, on the same file system, a blob: on disk to stay, seen whole or
   * not at all. The file moves; it goes when there is one of that content already.
   */
  async adopt(path: string, digest: Digest): Promise<void> {
    await syncFile(path);
    await rename(path, this.path(digest));
    await syncDirectory(this.#blobs);
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest));
  }

  /** All blobs. */
  list(): Digest[] {
    return readdirSync(this.#blobs).map(hex => `sha256:${hex}` as const);
  }

  /** Where the blob is, or would be. */
  path(digest: Digest): string {
    return join(this.#blobs, digest.slice('sha256:'.length));
  }

  /** @throws {EngineError} `notFound`. */
  size(digest: Digest): number {
    try {
      return statSync(this.path(digest)).size;
    } catch (error) {
      throw translated(digest, error);
    }
  }

  /** What a blob takes on the disk by itself: nothing when it is not here, or when its file is a layer's tar as well. */
  ownBytes(digest: Digest): number {
    const found = statSync(this.path(digest), { throwIfNoEntry: false });
    return found?.nlink === 1 ? found.size : 0;
  }

  /** The whole of a small blob, checked against its digest. @throws {EngineError} `notFound`, `dataLoss`, `invalid` when larger. */
  async read(digest: Digest, { maxBytes }: { readonly maxBytes: number }): Promise<Buffer> {
    if (this.size(digest) > maxBytes)
      throw new EngineError('invalid', `blob ${digest} is larger than ${maxBytes} bytes`);
    let bytes: Buffer;
    try {
      bytes = await readFile(this.path(digest));
    } catch (error) {
      throw translated(digest, error);
    }
    if (sha256(bytes) !== digest) throw damaged(digest);
    return bytes;
  }

  /**
   * The bytes of a blob, hashed on the way: the last step fails when they are not what they should be.
   *
   * @throws {EngineError} `notFound`, `dataLoss`.
   */
  async *stream(digest: Digest): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let handle: FileHandle;
    try {
      handle = await open(this.path(digest), 'r');
    } catch (error) {
      throw translated(digest, error);
    }
    try {
      for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: READ_BYTES })) {
        const bytes = chunk as Buffer; // no encoding is set
        hash.update(bytes);
        yield bytes;
      }
    } finally {
      await handle.close();
    }
    if (`sha256:${hash.digest('hex')}` !== digest) throw damaged(digest);
  }

  /**
   * Happy to find nothing. The blob is gone when this returns: one of the same content that comes now is another file. The
   * promise is about the disk, which takes its time with large files.
   */
  remove(digest: Digest): Promise<void> {
    const gone = this.freshPath();
    try {
      renameSync(this.path(digest), gone);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return Promise.resolve();
      throw error;
    }
    return rm(gone, { force: true });
  }

  /**
   * Removes blobs that an earlier life left half-written, and those that nobody owns. For the start: what is being written by then
   * stays, and whoever publishes it owns it before.
   *
   * @param rescue may take such a blob away before it is removed
   */
  sweep(isOwned: (digest: Digest) => boolean, rescue: (digest: Digest) => void = () => undefined): void {
    for (const name of readdirSync(this.#ingest)) {
      if (!name.startsWith(this.#life)) rmSync(join(this.#ingest, name), { force: true });
    }
    for (const hex of readdirSync(this.#blobs)) {
      if (isOwned(`sha256:${hex}`)) continue;
      rescue(`sha256:${hex}`);
      rmSync(join(this.#blobs, hex), { force: true });
    }
  }
}

const READ_BYTES = 256 * 1024;

interface BlobWriterDeps extends WriterOptions {
  readonly handle: FileHandle;
  readonly path: string;
  readonly pathOf: (digest: Digest) => string;
  readonly directory: string;
}

const SIZES = { writeBytes: 512 * 1024, syncBytes: 32 * 1024 * 1024 };
/** Whoever reads along is not woken for less. */
const TELL_BYTES = 2 * 1024 * 1024;

class BlobWriter implements ContentWriter {
  readonly #deps: BlobWriterDeps;
  readonly #hash: Hash | undefined;
  readonly #appender: Appender;
  #digest: Digest | undefined;
  #size = 0;
  #told = 0;
  #hasEnded = false;
  #flushed: Promise<void> | undefined;
  #isPublished = false;

  constructor(deps: BlobWriterDeps) {
    this.#deps = deps;
    this.#hash = deps.onWritten ? undefined : createHash('sha256');
    this.#appender = new Appender(deps.handle, { ...SIZES, onWritten: written => this.#tell(written) });
  }

  get size(): number {
    return this.#size;
  }

  get path(): string {
    return this.#isPublished && this.#digest ? this.#deps.pathOf(this.#digest) : this.#deps.path;
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#hasEnded) throw new TypeError('the writer is sealed');
    this.#hash?.update(bytes);
    this.#size += bytes.length;
    await this.#appender.write(bytes);
  }

  isHashed(digest: Digest): void {
    if (this.#hash) throw new TypeError('the writer hashes by itself');
    this.#digest = digest;
  }

  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#appender.end();
    await this.#deps.handle.close(); // an archive can have more files than a process may have open
  }

  async seal(): Promise<Digest> {
    await this.end();
    this.#digest ??= this.#hash && `sha256:${this.#hash.digest('hex')}`;
    if (!this.#digest) throw new TypeError('nobody has said what was written');
    return this.#digest;
  }

  async flush(): Promise<void> {
    await this.seal();
    this.#flushed ??= syncFile(this.#deps.path);
    await this.#flushed;
  }

  async commit(expected: { readonly digest?: Digest; readonly sizeBytes?: number } = {}): Promise<Digest> {
    const digest = await this.seal();
    if (this.#isPublished) return digest;
    const { digest: wanted = digest, sizeBytes = this.#size } = expected;
    if (digest !== wanted) throw new EngineError('dataLoss', `expected ${wanted}, got ${digest}`);
    if (sizeBytes !== this.#size) {
      throw new EngineError('dataLoss', `expected ${sizeBytes} bytes of ${digest}, got ${this.#size}`);
    }
    await this.flush();
    if (isSharedFile(this.#deps.pathOf(digest), this.#size)) await rm(this.#deps.path, { force: true });
    else await rename(this.#deps.path, this.#deps.pathOf(digest));
    await syncDirectory(this.#deps.directory);
    this.#isPublished = true;
    return digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#appender.settled();
    await this.#deps.handle.close(); // waits for what is under way
    if (!this.#isPublished) await rm(this.#deps.path, { force: true });
  }

  #tell(written: number): void {
    if (written - this.#told < TELL_BYTES && !this.#hasEnded) return;
    this.#told = written;
    this.#deps.onWritten?.(written);
  }
}

function sha256(bytes: Buffer): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Also what was written by a descriptor that is closed by now (fsync(2) is about the file). */
async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.datasync();
}

/** Makes the renaming last through a power cut. */
async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}

function translated(digest: Digest, error: unknown): unknown {
  return isErrno(error, 'ENOENT')
    ? new EngineError('notFound', `no such blob: ${digest}`, { cause: error })
    : error;
}

function damaged(digest: Digest): EngineError {
  return new EngineError('dataLoss', `blob ${digest} is damaged: its content has another digest`);
}

/** Whether a blob is there, and is a layer's tar as well: another file in its place would be a second copy. */
function isSharedFile(path: string, sizeBytes: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.nlink > 1 && found.size === sizeBytes;
}
