import { type FSWatcher, statSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { codeOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { removeOldFiles, shiftFiles } from './shift-files.ts';

export interface RotationOptions {
  readonly path: string;
  /** absent: no limit */
  readonly maxSizeBytes?: number;
  /** the current file counts */
  readonly maxFiles: number;
  /** makes the writer close its file and begin a new one at `path` */
  readonly reopen: () => void;
}

/** How often a log is looked at: the faster it grows, the more often. */
const SHORTEST_MS = 50;
const LONGEST_MS = 2000;
/** A writer that fills files faster than this has passed the limit again by then: the less later, the better. */
const AFTER_REOPEN_MS = 15;
/** A log nobody writes to reports the first write by itself; this is in case the report gets lost. */
const IDLE_MS = 60_000;
const AFTER_ERROR_MS = 5000;
/** The writer answers a request within milliseconds; asking twice would make it throw away a file just begun. */
const REOPEN_AGAIN_MS = 10_000;
/** A request made just before the engine was killed may still be under way. */
const FIRST_REOPEN_MS = 500;

/** Watches one log and rotates it when it is full. */
export class RotatedLog implements Disposable {
  readonly #id: string;
  readonly #options: RotationOptions;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #watcher: FSWatcher | undefined;
  #isClosed = false;
  #lastSize = -1;
  #lastLookAt = 0;
  /** when to ask the writer (again) to begin a file; 0: its file is there */
  #reopenAt = 0;

  constructor(id: string, options: RotationOptions, logger: Logger) {
    this.#id = id;
    this.#options = options;
    this.#logger = logger;
    this.#schedule(0);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
    try {
      const size = await this.#size();
      if (this.#isClosed) return;
      if (size === undefined) return this.#repair();
      await this.#onPresent(size);
    } catch (error) {
      this.#logger.warn('cannot rotate a log', { container: this.#id, error });
      this.#schedule(AFTER_ERROR_MS);
    }
  }

  async #onPresent(size: number): Promise<void> {
    const { path, maxSizeBytes, maxFiles } = this.#options;
    if (this.#reopenAt !== 0) {
      this.#reopenAt = 0;
      // Not earlier: until the writer had left it, the file it leaves was still growing.
      await removeOldFiles(path, maxFiles);
    }
    if (maxSizeBytes === undefined) return; // nothing to do for good
    if (size < maxSizeBytes) return this.#waitForGrowth(size, maxSizeBytes);
    await shiftFiles(path, maxFiles);
    this.#lastSize = -1;
    this.#reopen();
  }

  /** The file is missing between being renamed and being begun anew; after a crash, for as long as nobody asks for it. */
  #repair(): void {
    const now = performance.now();
    if (this.#reopenAt === 0) this.#reopenAt = now + FIRST_REOPEN_MS;
    if (now >= this.#reopenAt) this.#reopen();
    else this.#schedule(SHORTEST_MS);
  }

  #reopen(): void {
    this.#reopenAt = performance.now() + REOPEN_AGAIN_MS;
    this.#schedule(AFTER_REOPEN_MS);
    this.#options.reopen();
  }

  #waitForGrowth(size: number, maxSizeBytes: number): void {
    const now = performance.now();
    const isFirst = this.#lastSize === -1;
    const growth = size - this.#lastSize;
    const elapsed = Math.max(1, now - this.#lastLookAt);
    this.#lastSize = size;
    this.#lastLookAt = now;
    if (isFirst) return this.#schedule(SHORTEST_MS);
    if (growth <= 0) return this.#waitForWrite();
    const msUntilFull = ((maxSizeBytes - size) * elapsed) / growth;
    this.#schedule(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, msUntilFull / 2)));
  }

  #waitForWrite(): void {
    try {
      const onWrite = (): void => {
        this.#watcher?.close(); // one report is enough: a busy log would send thousands
        this.#schedule(SHORTEST_MS);
      };
      this.#watcher = watch(this.#options.path, { persistent: false }, onWrite);
      this.#watcher.on('error', () => this.#schedule(LONGEST_MS));
      // What was written just before it watched is not reported.
      const isAsSeen = statSync(this.#options.path).size === this.#lastSize;
      this.#schedule(isAsSeen ? IDLE_MS : SHORTEST_MS);
    } catch {
      this.#schedule(LONGEST_MS); // gone, or no watches left on this host
    }
  }

  async #size(): Promise<number | undefined> {
    try {
      return (await stat(this.#options.path)).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
