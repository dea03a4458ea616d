import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Digest } from '#base/ids';
import { isDiskFull } from '#store/disk-space';
import type { ContentDescriptor } from './repository.ts';

/** A stretch of a blob that one request fetches. */
export interface Part {
  readonly offset: number;
  readonly length: number;
  /** bytes that are in the file, from `offset` on */
  received: number;
}

const State = v.object({
  size: v.number(),
  parts: v.array(v.tuple([v.number(), v.number(), v.number()])),
});

/** From here on a blob comes in several parts at a time. */
const LARGE_BYTES = 32 * 1024 * 1024;
const PART_BYTES = 16 * 1024 * 1024;
/** A manifest can say any size: what is remembered of it has a bound. Larger blobs have larger parts. */
const MOST_PARTS = 1024;
const SAVE_MS = 500;
/** Less than this is soon fetched again. */
const SMALL_BYTES = 1024 * 1024;
const NOTE_BYTES = 64;
/** three numbers of up to 16 digits */
const PART_NOTE_BYTES = 54;

/**
 * Blobs that did not come whole yet: what there is of one is kept through cuts, cancellations and restarts.
 *
 *   <root>/<hex>-<size>        the bytes, with holes
 *   <root>/<hex>-<size>.json   which of them are there: never more than is in the file
 *   <root>/<hex>-<size>-<route>   the same, of who came by another way while somebody wrote to the first
 *
 * What came is proved by the digest of the whole in the end, so a wrong note costs time, and nothing else.
 */
export class PartialBlobs {
  readonly #root: string;
  /** paths that are open */
  readonly #open = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** One at a time for each digest, size and route. */
  async open({ digest, size }: ContentDescriptor, route: string): Promise<PartialBlob> {
    const first = this.#path(digest, size);
    const path = this.#open.has(first) ? `${first}-${shortHash(route)}` : first;
    this.#open.add(path);
    try {
      return await this.#openPath(path, size, () => void this.#open.delete(path));
    } catch (error) {
      this.#open.delete(path);
      throw error;
    }
  }

  async #openPath(path: string, size: number, onClose: () => void): Promise<PartialBlob> {
    const parts = (await savedParts(path, size)) ?? freshParts(size);
    const isResumed = parts.some(part => part.received > 0);
    const handle = await open(path, isResumed ? 'r+' : 'w+', 0o600);
    const blob = new PartialBlob({ path, size, parts, isResumed, handle, onClose });
    if (size > SMALL_BYTES) await blob.note();
    return blob;
  }

  /** Takes in a file that holds a whole blob. Happy to find nothing. */
  keep(file: string, digest: Digest): void {
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) return;
    const path = this.#path(digest, size);
    if (this.#open.has(path)) return; // somebody else is on the way to the same
    // The note first: it is never believed without the file, and the digest proves both.
    writeFileSync(`${path}.json`, JSON.stringify({ size, parts: [[0, size, size]] }), { mode: 0o600 });
    renameSync(file, path);
    utimesSync(path, new Date(), new Date());
  }

  /** By size too: a manifest that lies about it must not write into the file that others read. */
  #path(digest: Digest, size: number): string {
    return join(this.#root, `${digest.slice('sha256:'.length)}-${size}`);
  }

  /** Removes what nobody has added to for so long. Only what {@link isBusy} denies. */
  sweep(olderThanMs: number, now: number, isBusy: (hex: string) => boolean): void {
    for (const name of readdirSync(this.#root)) {
      const path = join(this.#root, name);
      const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (now - changed >= olderThanMs && !isBusy(name.replace(/-.*$/, ''))) rmSync(path, { force: true });
    }
  }
}

interface PartialBlobParts {
  readonly path: string;
  readonly size: number;
  readonly parts: Part[];
  /** some of it came in an earlier attempt */
  readonly isResumed: boolean;
  readonly handle: FileHandle;
  readonly onClose: () => void;
}

export class PartialBlob implements AsyncDisposable {
  readonly path: string;
  readonly size: number;
  parts: Part[];
  isResumed: boolean;
  readonly #handle: FileHandle;
  readonly #onClose: () => void;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #isGone = false;

  constructor({ path, size, parts, isResumed, handle, onClose }: PartialBlobParts) {
    this.#onClose = onClose;
    this.path = path;
    this.size = size;
    this.parts = parts;
    this.isResumed = isResumed;
    this.#handle = handle;
  }

  /** Bytes that are there without a gap, from the first on. */
  get availableBytes(): number {
    let end = 0;
    for (const { length, received } of this.parts) {
      end += received;
      if (received < length) break;
    }
    return end;
  }

  get receivedBytes(): number {
    return this.parts.reduce((sum, { received }) => sum + received, 0);
  }

  get isComplete(): boolean {
    return this.receivedBytes === this.size;
  }

  /** Adds to a part. One call at a time for each part. */
  async write(part: Part, buffers: readonly Buffer[]): Promise<void> {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    await writeAll(this.#handle, buffers, part.offset + part.received);
    part.received += length;
    // A server may fall silent after this: what came is noted all the same.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#save().catch(() => undefined); // then more of it is fetched again
    }, SAVE_MS).unref();
  }

  /** @returns how many bytes were read. */
  async read(into: Buffer, offset: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, offset)).bytesRead;
  }

  /** Gets what came onto the disk, so that whoever takes the file has little to wait for. */
  async flush(): Promise<void> {
    await this.#handle.datasync().catch(() => undefined); // fails there, too
  }

  /** The source gives no parts: from now on it is one, of which the beginning is there. */
  joinParts(): void {
    this.parts = [{ offset: 0, length: this.size, received: this.availableBytes }];
  }

  /** What came is worth nothing. */
  async restart(): Promise<void> {
    this.parts = freshParts(this.size);
    this.isResumed = false;
    await this.#save();
  }

  /** The file has become somebody else's. */
  async release(): Promise<void> {
    this.#isGone = true;
    clearTimeout(this.#timer);
    await this.#saving.catch(() => undefined);
    await rm(`${this.path}.json`, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#handle.close();
    await this.#save().catch(() => undefined); // then more of it is fetched again
    this.#onClose();
  }

  /** Notes what there is, and by that keeps room for later notes. */
  async note(): Promise<void> {
    await this.#save().catch(() => undefined); // then less of it is known later
  }

  /** One at a time: each takes the place of the one before. */
  async #save(): Promise<void> {
    this.#saving = this.#saving.catch(() => undefined).then(() => this.#writeNote());
    await this.#saving;
  }

  async #writeNote(): Promise<void> {
    if (this.#isGone) return;
    const parts = this.parts.map(({ offset, length, received }) => [offset, length, received]);
    // Always as long as it may become: there is room for it when the disk is full.
    const text = JSON.stringify({ size: this.size, parts }).padEnd(
      NOTE_BYTES + parts.length * PART_NOTE_BYTES,
    );
    const path = `${this.path}.json`;
    try {
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await rm(`${path}.new`, { force: true });
      await writeFile(path, text, { flag: 'r+' }); // cut by a crash it is none, and the blob begins anew
    }
  }
}

function freshParts(size: number): Part[] {
  if (size <= LARGE_BYTES) return [{ offset: 0, length: size, received: 0 }];
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
  const count = Math.ceil(size / partBytes);
  return Array.from({ length: count }, (_, index) => {
    const offset = index * partBytes;
    return { offset, length: Math.min(partBytes, size - offset), received: 0 };
  });
}

async function savedParts(path: string, size: number): Promise<Part[] | undefined> {
  try {
    const state = v.parse(State, JSON.parse(await readFile(`${path}.json`, 'utf8')));
    const parts = state.parts.map(([offset, length, received]) => ({ offset, length, received }));
    const isWhole =
      state.size === size &&
      statSync(path).isFile() &&
      parts.every(({ length, received }) => received >= 0 && received <= length) &&
      parts.every(({ offset }, index) => offset === lengthOf(parts.slice(0, index))) &&
      lengthOf(parts) === size;
    return isWhole ? parts : undefined;
  } catch {
    return undefined; // none, or cut: it begins anew
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

async function writeAll(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = [...buffers];
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    let skip = bytesWritten;
    rest = rest.flatMap(buffer => {
      const taken = Math.min(skip, buffer.length);
      skip -= taken;
      return taken === buffer.length ? [] : [buffer.subarray(taken)];
    });
  }
}
