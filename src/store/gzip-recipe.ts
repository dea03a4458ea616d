import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { setPriority } from 'node:os';
import { crc32 } from 'node:zlib';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { GoDeflate, type GoLevel } from '#spec/gzip/go-deflate';
import { withoutSpace } from './disk-space.ts';
import { type TarPlace, tarBytesOf } from './tar-place.ts';

/** How the exact bytes of a gzip file come out of what is in it. */
export interface GzipRecipe {
  /** everything before the compressed bytes, as hexadecimal digits */
  readonly header: string;
  readonly compressor: 'go';
  readonly level: GoLevel;
}

export interface FindRecipeInput {
  readonly blob: string;
  readonly tar: TarPlace;
  readonly tarBytes: number;
}

export interface RebuildInput {
  readonly recipe: GzipRecipe;
  readonly tar: TarPlace;
  readonly tarBytes: number;
  /** a file to be made */
  readonly target: string;
}

type Compressor = Omit<GzipRecipe, 'header'>;

/** What Docker's engine copies at a time; Go's output depends on it, rarely. */
const GO_WRITE_BYTES = 32 * 1024;
const TRAILER_BYTES = 8;
const MAX_HEADER_BYTES = 4096;
/** Idle work, beside everything else. */
const NICE = 19;

/**
 * Most likely first: what Docker, BuildKit and most others compress with by default. A wrong one shows within the first blocks.
 *
 * Only what is made by code of our own: zlib's output is another one with every second version of Node (and not that of anybody
 * else's zlib), so that an upgrade of the engine would lose what only zlib can make again.
 */
const COMPRESSORS: readonly Compressor[] = [6, 9, 5, 7, 8, 4].map(
  level => ({ compressor: 'go', level: level as GoLevel }), // the levels that there are
);

/** Finds a recipe by making the whole blob again and comparing each byte. @returns `undefined` when there is none. */
export async function findGzipRecipe(
  input: FindRecipeInput,
  shouldStop: () => boolean,
): Promise<GzipRecipe | undefined> {
  using _nice = lowPriority();
  using blob = new FileBytes(input.blob);
  const header = headerOf(blob.read(0, MAX_HEADER_BYTES));
  if (!header) return undefined;
  for (const compressor of COMPRESSORS) {
    const recipe = { header: header.toString('hex'), ...compressor };
    if (await makes(recipe, input, blob, shouldStop)) return recipe;
  }
  return undefined;
}

/** Makes the blob. @returns its digest; whoever asked compares it. */
export async function rebuildGzip(input: RebuildInput, shouldStop: () => boolean): Promise<Digest> {
  const hash = createHash('sha256');
  const target = openSync(input.target, 'wx', 0o600);
  try {
    for await (const bytes of rebuilt(input.recipe, input, shouldStop)) {
      hash.update(bytes);
      for (let done = 0; done < bytes.length; ) done += writeSync(target, bytes, done);
    }
  } catch (error) {
    throw withoutSpace(error);
  } finally {
    closeSync(target);
  }
  return `sha256:${hash.digest('hex')}`;
}

async function makes(
  recipe: GzipRecipe,
  input: FindRecipeInput,
  blob: FileBytes,
  shouldStop: () => boolean,
): Promise<boolean> {
  let position = 0;
  for await (const bytes of rebuilt(recipe, input, shouldStop)) {
    if (!blob.read(position, bytes.length).equals(bytes)) return false;
    position += bytes.length;
  }
  return blob.read(position, 1).length === 0;
}

async function* rebuilt(
  { header, level }: GzipRecipe,
  { tar, tarBytes }: { readonly tar: TarPlace; readonly tarBytes: number },
  shouldStop: () => boolean,
): AsyncGenerator<Buffer> {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  async function* content(): AsyncGenerator<Buffer> {
    let sum = 0;
    for await (const bytes of tarBytesOf(tar, tarBytes)) {
      if (shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
      sum = crc32(bytes, sum);
      yield bytes;
    }
    trailer.writeUInt32LE(sum, 0);
    trailer.writeUInt32LE(tarBytes % 2 ** 32, 4);
  }
  yield Buffer.from(header, 'hex');
  yield* goDeflated(content(), level);
  yield trailer;
}

async function* goDeflated(content: AsyncIterable<Buffer>, level: GoLevel): AsyncGenerator<Buffer> {
  let made: Buffer[] = [];
  const deflate = new GoDeflate(level, bytes => void made.push(Buffer.from(bytes)));
  const taken = (): Buffer[] => {
    const all = made;
    made = [];
    return all;
  };
  for await (const bytes of content) {
    for (let at = 0; at < bytes.length; at += GO_WRITE_BYTES) {
      deflate.write(bytes.subarray(at, at + GO_WRITE_BYTES));
      yield* taken();
    }
  }
  deflate.finish();
  yield* taken();
}

/** RFC 1952, 2.3. @returns `undefined` for something else, or one that is very long. */
function headerOf(start: Buffer): Buffer | undefined {
  const flags = start[3] ?? 0;
  if (start.length < 10 || start.readUInt16BE(0) !== 0x1f8b || start[2] !== 8) return undefined;
  let end = 10;
  if ((flags & 4) !== 0) end += 2 + (start.length >= end + 2 ? start.readUInt16LE(end) : 0);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const zero = start.indexOf(0, end);
    if (zero < 0) return undefined;
    end = zero + 1;
  }
  if ((flags & 2) !== 0) end += 2;
  return end <= start.length ? start.subarray(0, end) : undefined;
}

class FileBytes implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  /** Fewer at the end of the file only. */
  read(position: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    let fill = 0;
    while (fill < length) {
      const count = readSync(this.#fd, buffer, fill, length - fill, position + fill);
      if (count === 0) break;
      fill += count;
    }
    return buffer.subarray(0, fill);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Of this thread alone, as setpriority(2) has it on Linux. */
function lowPriority(): Disposable {
  setPriority(0, NICE);
  return { [Symbol.dispose]: () => setPriority(0, 0) };
}
