import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import { freeSpace, isDiskFull, NO_SPACE } from '#store/disk-space';
import type { BuildContext } from './build-request.ts';

/** What a client sent along with a build, on disk until that is over: disposing it removes it. */
export interface SpooledContext extends AsyncDisposable {
  readonly context: BuildContext;
  readonly sizeBytes: number;
}

export interface ContextSpoolDeps {
  readonly folder: string;
  /** A context has no more bytes. */
  readonly maxBytes?: number;
  /** So much of the disk stays free for the containers that run. */
  readonly freeBytes?: number;
}

const MAX_BYTES = 64 * 1024 ** 3;
const FREE_BYTES = 256 * 1024 ** 2;
/** The disk is looked at that often. */
const LOOK_BYTES = 32 * 1024 ** 2;

/**
 * Takes build contexts in: a client sends a tar once, and a build reads it when it needs it.
 *
 *   <folder>/XXXXXX/context     removed with the build; what is there at start is swept
 */
export class ContextSpool {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #freeBytes: number;

  constructor({ folder, maxBytes = MAX_BYTES, freeBytes = FREE_BYTES }: ContextSpoolDeps) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#freeBytes = freeBytes;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** @throws {EngineError} `invalid` for too many bytes, `unavailable` when the disk has no room. */
  async receive(body: AsyncIterable<Buffer>, { signal }: Abortable = {}): Promise<SpooledContext> {
    await using undo = new AsyncDisposableStack();
    const folder = await mkdtemp(join(this.#folder, 'c-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'context');
    const sizeBytes = await this.#write(body, path, signal);
    const owned = undo.move();
    return {
      context: sizeBytes === 0 ? { kind: 'none' } : { kind: 'archive', path },
      sizeBytes,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  async #write(body: AsyncIterable<Buffer>, path: string, signal?: AbortSignal): Promise<number> {
    await using file = await open(path, 'wx', 0o600);
    let size = 0;
    let lookAt = 0;
    try {
      for await (const chunk of body) {
        signal?.throwIfAborted();
        if (size >= lookAt) {
          await this.#checkRoom();
          lookAt = size + LOOK_BYTES;
        }
        size += chunk.length;
        if (size > this.#maxBytes) throw tooLarge(this.#maxBytes);
        await file.writeFile(chunk);
      }
    } catch (error) {
      throw isDiskFull(error) ? noRoom(this.#folder, { cause: error }) : error;
    }
    return size;
  }

  async #checkRoom(): Promise<void> {
    if ((await freeSpace(this.#folder)).bytes < this.#freeBytes) throw noRoom(this.#folder);
  }
}

function tooLarge(maxBytes: number): EngineError {
  return new EngineError(
    'invalid',
    `the build context has more than ${maxBytes} bytes; name what the Dockerfile does not need in .dockerignore`,
  );
}

function noRoom(folder: string, options?: ErrorOptions): EngineError {
  return new EngineError(
    'unavailable',
    `${NO_SPACE} for the build context, in ${folder}; free some with "docker system prune" or name what the Dockerfile does not need in .dockerignore`,
    options,
  );
}
