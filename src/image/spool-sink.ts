import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import { displayName } from '#spec/tar/byte-string';
import type { TarEntry } from '#spec/tar/tar-entry';
import type { TarSink } from '#spec/tar/tar-parser';
import type { ContentStore, ContentWriter } from '#store/content-store';
import { checkSpace, SpaceCheck } from '#store/disk-space';
import type { ReadAhead, ReadingAhead } from './read-ahead.ts';
import { StagedFile } from './staged-file.ts';

/** What an archive has by a name. */
export type Member = { readonly file: StagedFile } | { readonly link: string };

/** What an entry counts for by itself: one without content keeps its name. */
const ENTRY_BYTES = 4096;

/** The parser calls synchronously; what that asks for is done by {@link drain}, between two chunks. */
export class SpoolSink implements TarSink {
  readonly files: StagedFile[] = [];
  readonly #content: ContentStore;
  readonly #readAhead: ReadAhead | undefined;
  readonly #add: (path: string, member: Member) => void;
  #work: (() => Promise<void>)[] = [];
  #pendingBytes = 0;
  #path: string | undefined;
  #writer: ContentWriter | undefined;
  /** of what {@link #writer} writes */
  #reading: ReadingAhead | undefined;
  readonly #space: SpaceCheck;

  constructor(
    content: ContentStore,
    readAhead: ReadAhead | undefined,
    add: (path: string, member: Member) => void,
  ) {
    this.#content = content;
    this.#space = new SpaceCheck(() => checkSpace(content.root));
    this.#readAhead = readAhead;
    this.#add = add;
  }

  /** what waits for {@link drain} */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  entry(entry: TarEntry): void {
    this.#pendingBytes += ENTRY_BYTES;
    const path = normalName(displayName(entry.path));
    this.#path = entry.type === 'file' ? path : undefined;
    if (path === undefined) return;
    if (entry.sparse) throw new EngineError('invalid', `invalid archive: ${path} is a sparse file`);
    if (entry.type === 'symlink') {
      this.#add(path, { link: posix.join(posix.dirname(path), displayName(entry.linkPath)) });
    } else if (entry.type === 'hardlink') {
      this.#add(path, { link: displayName(entry.linkPath) });
    } else if (entry.type === 'file') {
      this.#work.push(() => this.#begin(entry.size));
    }
  }

  data(bytes: Buffer): void {
    if (this.#path === undefined) return;
    this.#pendingBytes += bytes.length;
    this.#work.push(async () => {
      await this.#writer?.write(bytes);
      this.#space.passed(bytes.length);
    });
  }

  endEntry(): void {
    const path = this.#path;
    if (path === undefined) return;
    this.#path = undefined;
    this.#work.push(async () => {
      const file = await this.#finish();
      this.files.push(file);
      this.#add(path, { file });
    });
  }

  async drain(): Promise<void> {
    const work = this.#work;
    this.#work = [];
    this.#pendingBytes = 0;
    for (const step of work) await step();
  }

  /** Removes what a failure left half-written. */
  async abandon(): Promise<void> {
    this.#reading?.growth.fail();
    await this.#reading?.draft[Symbol.asyncDispose]();
    await this.#writer?.[Symbol.asyncDispose]();
  }

  async #begin(sizeBytes: number): Promise<void> {
    const onWritten = (bytes: number): void => this.#reading?.growth.advance(bytes);
    using place = this.#readAhead?.take(sizeBytes);
    this.#writer = await this.#content.writer(place ? { onWritten } : {});
    this.#reading = place?.begin(this.#writer.path);
  }

  async #finish(): Promise<StagedFile> {
    const writer = this.#writer;
    if (!writer) throw new TypeError('an entry that ends has begun');
    const reading = this.#reading;
    const file = reading ? await StagedFile.drafted(writer, reading.draft) : await StagedFile.seal(writer);
    reading?.growth.complete();
    this.#writer = undefined;
    this.#reading = undefined;
    return file;
  }
}

/** Relative to the top of the archive, without `.`; `undefined` for what leads out of it or is the top itself. */
export function normalName(name: string): string | undefined {
  const path = posix.normalize(name.replace(/^\/+/, '')).replace(/\/$/, '');
  return path === '.' || path === '' || path === '..' || path.startsWith('../') ? undefined : path;
}
