import { access, constants, stat } from 'node:fs/promises';
import { type Abortable, orAborted } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import { KeyedLimit } from '#base/keyed-limit';
import { Semaphore } from '#base/semaphore';
import type { JailPool } from '#store/jail-pool';
import type { Look } from '#store/look-at';
import { S_IFDIR, S_IFMT } from '#sys/at';
import { isErrno, SysError } from '#sys/sys-error';

export type PathKind = 'directory' | 'file' | 'missing';

/** What does not answer for this long is taken for dead. */
const ANSWER_MS = 20_000;
/** Node has four threads for files, names and sums: those that wait for a dead server must not be all of them. */
const MOST_QUICK = 2;
/** A look takes a tenth of a millisecond where nothing is dead. */
const PLACE_MS = 100;
const MOST_SLOW = 8;

/**
 * Looks at paths of the host, as sources of bind mounts are: by Node, which is quick; in threads of their own while looks hang, because what
 * a path leads to is at a server that is dead. Nobody waits for that longer than a bound.
 */
export class HostPaths {
  readonly #threads: Pick<JailPool, 'lookAt'>;
  readonly #answerMs: number;
  readonly #quick = new Semaphore(MOST_QUICK);
  readonly #slow = new Semaphore(MOST_SLOW);
  readonly #byPath = new KeyedLimit(1);

  constructor(
    threads: Pick<JailPool, 'lookAt'>,
    { answerMs = ANSWER_MS }: { readonly answerMs?: number } = {},
  ) {
    this.#threads = threads;
    this.#answerMs = answerMs;
  }

  /** @throws {SysError} and what Node throws for what cannot be looked at; {EngineError} `unavailable` when it does not answer. */
  async kindOf(path: string, options: Abortable = {}): Promise<PathKind> {
    const isDirectory = await this.#ask(path, options, {
      quick: async () => (await stat(path)).isDirectory(),
      slow: ({ mode }) => (mode & S_IFMT) === S_IFDIR,
    }).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    });
    if (isDirectory === undefined) return 'missing';
    return isDirectory ? 'directory' : 'file';
  }

  /** Whether it is on a file system that is mounted read-only. @throws as {@link kindOf}. */
  async isReadOnly(path: string, options: Abortable = {}): Promise<boolean> {
    return await this.#ask(path, options, {
      quick: async () => {
        try {
          await access(path, constants.W_OK);
          return false;
        } catch (error) {
          return isErrno(error, 'EROFS');
        }
      },
      slow: ({ isReadOnly }) => isReadOnly,
    });
  }

  async #ask<T>(path: string, { signal }: Abortable, ways: Ways<T>): Promise<T> {
    const limit = AbortSignal.timeout(this.#answerMs);
    const either = signal ? AbortSignal.any([signal, limit]) : limit;
    try {
      return await orAborted(this.#answer(path, ways, either), either);
    } catch (error) {
      if (!isKind(error, 'deadline') || !limit.aborted) throw error;
      throw new EngineError(
        'unavailable',
        `${path} on the host has not answered for ${this.#answerMs / 1000} s: is the server of what is mounted there running?`,
        { cause: error },
      );
    }
  }

  async #answer<T>(path: string, { quick, slow }: Ways<T>, signal: AbortSignal): Promise<T> {
    const place = AbortSignal.timeout(PLACE_MS);
    try {
      return await this.#quick.run(quick, { signal: AbortSignal.any([signal, place]) });
    } catch (error) {
      const hasNoPlace = isKind(error, 'deadline') && place.aborted && !signal.aborted;
      if (!hasNoPlace) throw error;
    }
    const look = (): Promise<Look> =>
      this.#slow.run(() => this.#threads.lookAt({ root: '/', path, follows: true }), { signal });
    const found = await this.#byPath.run(path, look, { signal });
    if ('errno' in found) throw new SysError('openat2', found.errno, path);
    return slow(found);
  }
}

interface Ways<T> {
  readonly quick: () => Promise<T>;
  readonly slow: (found: Exclude<Look, { readonly errno: number }>) => T;
}
