import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { MAX_JSON_BYTES } from '#spec/oci/json';
import { TarParser } from '#spec/tar/tar-parser';
import type { ContentStore } from '#store/content-store';
import { decompressed } from './archive-stream.ts';
import type { StagedBlob } from './image-adder.ts';
import type { ReadAhead } from './read-ahead.ts';
import { type Member, normalName, SpoolSink } from './spool-sink.ts';
import type { StagedFile } from './staged-file.ts';

/** An image archive has a few files per layer; more means something else was sent. */
const MAX_ENTRIES = 100_000;
const MAX_LINKS = 16;
/** A thousand images of honest size have a tenth of it. */
const MAX_READ_BYTES = 64 * 1024 * 1024;
/** Pieces of a socket are small. */
const DRAIN_BYTES = 256 * 1024;

/**
 * The files of an image archive, taken in as they come: in any order, in bounded memory, each hashed and kept aside in
 * the content store until it is known which of them matter. Disposal removes what was not published.
 */
export class ArchiveSpool implements AsyncDisposable {
  readonly #content: ContentStore;
  readonly #readAhead: ReadAhead | undefined;
  readonly #members = new Map<string, Member>();
  readonly #files: StagedFile[] = [];
  readonly #contents = new Map<StagedBlob, Buffer>();
  #readBytes = 0;

  /** @param readAhead has large files read as layers while they come */
  constructor(content: ContentStore, readAhead?: ReadAhead) {
    this.#content = content;
    this.#readAhead = readAhead;
  }

  /**
   * Reads the whole archive: a tar, plain or compressed.
   *
   * @throws {EngineError} `invalid` when it is broken or cut, `unavailable` when the disk is full, `cancelled`.
   */
  async fill(archive: Readable, signal: AbortSignal): Promise<void> {
    const add = (path: string, member: Member): void => this.#add(path, member);
    const sink = new SpoolSink(this.#content, this.#readAhead, add);
    const parser = new TarParser(sink, { maxEntries: MAX_ENTRIES });
    try {
      for await (const chunk of decompressed(archive)) {
        throwIfAborted(signal);
        parser.write(chunk);
        if (sink.pendingBytes >= DRAIN_BYTES) await sink.drain();
      }
      parser.end();
      await sink.drain();
    } finally {
      this.#files.push(...sink.files);
      await sink.abandon();
    }
    for (const file of this.#files) await file.settled({ signal });
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
