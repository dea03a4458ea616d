import { readFile, statfs } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { MAX_JSON_BYTES } from '#spec/oci/json';
import { displayName } from '#spec/tar/byte-string';
import type { TarEntry } from '#spec/tar/tar-entry';
import { TarParser, type TarSink } from '#spec/tar/tar-parser';
import type { ContentStore, ContentWriter } from '#store/content-store';
import { decompressed } from './archive-stream.ts';
import type { StagedBlob } from './image-adder.ts';
import { StagedFile } from './staged-file.ts';

type Member = { readonly file: StagedFile } | { readonly link: string };

/** An image archive has a few files per layer; more means something else was sent. */
const MAX_ENTRIES = 100_000;
const MAX_LINKS = 16;
/** A thousand images of honest size have a tenth of it. */
const MAX_READ_BYTES = 64 * 1024 * 1024;
const SPACE_CHECK_BYTES = 64 * 1024 * 1024;
const RESERVE_BYTES = 64 * 1024 * 1024;

/**
 * The files of an image archive, taken in as they come: in any order, in bounded memory, each hashed and kept aside in
 * the content store until it is known which of them matter. Disposal removes what was not published.
 */
export class ArchiveSpool implements AsyncDisposable {
  readonly #content: ContentStore;
  readonly #members = new Map<string, Member>();
  readonly #files: StagedFile[] = [];
  readonly #contents = new Map<StagedBlob, Buffer>();
  #readBytes = 0;

  constructor(content: ContentStore) {
    this.#content = content;
  }

  /**
   * Reads the whole archive: a tar, plain or compressed.
   *
   * @throws {EngineError} `invalid` when it is broken or cut, `unavailable` when the disk is full, `cancelled`.
   */
  async fill(archive: Readable, signal: AbortSignal): Promise<void> {
    const sink = new SpoolSink(this.#content, (path, member) => this.#add(path, member));
    const parser = new TarParser(sink, { maxEntries: MAX_ENTRIES });
    try {
      for await (const chunk of decompressed(archive)) {
        throwIfAborted(signal);
        parser.write(chunk);
        await sink.drain();
      }
      parser.end();
      await sink.drain();
    } finally {
      this.#files.push(...sink.files);
      await sink.abandon();
    }
  }

  has(name: string): boolean {
    return this.#resolve(name) !== undefined;
  }

  /** Names of all files and links. */
  names(): string[] {
    return [...this.#members.keys()];
  }

  /** The file of that name, links followed. @throws {EngineError} `invalid` when the archive has none. */
  get(name: string): StagedBlob {
    const file = this.#resolve(name);
    if (!file) throw new EngineError('invalid', `invalid archive: it has no file ${name}`);
    return file;
  }

  /** The content of a small file, which stays in memory. @throws {EngineError} `invalid`. */
  async read(name: string): Promise<Buffer> {
    const file = this.get(name);
    const known = this.#contents.get(file);
    if (known) return known;
    const { path, sizeBytes } = file;
    if (sizeBytes > MAX_JSON_BYTES) {
      throw new EngineError('invalid', `invalid archive: ${name} is larger than ${MAX_JSON_BYTES} bytes`);
    }
    this.#readBytes += sizeBytes;
    if (this.#readBytes > MAX_READ_BYTES) {
      throw new EngineError(
        'invalid',
        `invalid archive: its manifests and configurations are larger than ${MAX_READ_BYTES} bytes together`,
      );
    }
    const content = await readFile(path);
    this.#contents.set(file, content);
    return content;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files.splice(0)) await file[Symbol.asyncDispose]();
  }

  #add(path: string, member: Member): void {
    this.#members.set(path, member);
  }

  #resolve(name: string): StagedFile | undefined {
    let path = normalName(name);
    for (let links = 0; path !== undefined && links <= MAX_LINKS; links += 1) {
      const member = this.#members.get(path);
      if (!member) return undefined;
      if ('file' in member) return member.file;
      path = normalName(member.link);
    }
    return undefined;
  }
}

/** The parser calls synchronously; what that asks for is done by {@link drain}, between two chunks. */
class SpoolSink implements TarSink {
  readonly files: StagedFile[] = [];
  readonly #content: ContentStore;
  readonly #add: (path: string, member: Member) => void;
  #work: (() => Promise<void>)[] = [];
  #path: string | undefined;
  #writer: ContentWriter | undefined;
  #uncheckedBytes = SPACE_CHECK_BYTES;

  constructor(content: ContentStore, add: (path: string, member: Member) => void) {
    this.#content = content;
    this.#add = add;
  }

  entry(entry: TarEntry): void {
    const path = normalName(displayName(entry.path));
    this.#path = entry.type === 'file' ? path : undefined;
    if (path === undefined) return;
    if (entry.sparse) throw new EngineError('invalid', `invalid archive: ${path} is a sparse file`);
    if (entry.type === 'symlink') {
      this.#add(path, { link: posix.join(posix.dirname(path), displayName(entry.linkPath)) });
    } else if (entry.type === 'hardlink') {
      this.#add(path, { link: displayName(entry.linkPath) });
    } else if (entry.type === 'file') {
      this.#work.push(async () => {
        this.#writer = await this.#content.writer();
      });
    }
  }

  data(bytes: Buffer): void {
    if (this.#path === undefined) return;
    this.#work.push(async () => {
      await this.#writer?.write(bytes);
      this.#uncheckedBytes += bytes.length;
      if (this.#uncheckedBytes >= SPACE_CHECK_BYTES) await this.#checkSpace();
    });
  }

  endEntry(): void {
    const path = this.#path;
    if (path === undefined) return;
    this.#path = undefined;
    this.#work.push(async () => {
      const writer = this.#writer;
      if (!writer) throw new TypeError('an entry that ends has begun');
      this.#writer = undefined;
      const file = await StagedFile.seal(writer);
      this.files.push(file);
      this.#add(path, { file });
    });
  }

  async drain(): Promise<void> {
    const work = this.#work;
    this.#work = [];
    for (const step of work) await step();
  }

  /** Removes what a failure left half-written. */
  async abandon(): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
  }

  async #checkSpace(): Promise<void> {
    this.#uncheckedBytes = 0;
    const { bavail, bsize } = await statfs(this.#writer?.path ?? '/');
    if (bavail * bsize < RESERVE_BYTES) throw new EngineError('unavailable', 'no space left on device');
  }
}

/** Relative to the top of the archive, without `.`; `undefined` for what leads out of it or is the top itself. */
function normalName(name: string): string | undefined {
  const path = posix.normalize(name.replace(/^\/+/, '')).replace(/\/$/, '');
  return path === '.' || path === '' || path === '..' || path.startsWith('../') ? undefined : path;
}
