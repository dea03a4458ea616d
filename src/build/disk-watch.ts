import { type Abortable, throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { type FreeSpace, freeSpace, noSpace } from '#store/disk-space';
import type { TreeUsage } from '#sys/tree-usage';

export interface DiskWatchOptions {
  /** that much the folder may grow to */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** that much of the disk stays free for the containers that run */
  readonly freeBytes: number;
  /** adds up a folder */
  readonly usage: (path: string, options?: Abortable) => Promise<TreeUsage>;
  readonly everyMs?: number;
}

const EVERY_MS = 250;

/**
 * Watches a folder that another program writes to: its signal fires when that becomes too much.
 *
 * The free space of the disk tells it cheaply; only when more than the limit is gone, which may have been anybody, is the folder added up.
 */
export class DiskWatch implements Disposable {
  readonly #folder: string;
  readonly #options: DiskWatchOptions;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #atStart: FreeSpace | undefined;
  #isLooking = false;

  constructor(folder: string, options: DiskWatchOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), options.everyMs ?? EVERY_MS);
    this.#timer.unref();
    void this.#look();
  }

  /** Aborted with an {@link EngineError} that says what there is too much of. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** At the end, because writing may have been faster than looking. @throws {EngineError} as the signal has it. */
  async verify(): Promise<void> {
    throwIfAborted(this.signal);
    await this.#addUp();
    throwIfAborted(this.signal);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.signal.aborted) return;
    this.#isLooking = true;
    try {
      await this.#check();
    } catch {
      // The folder went, or the disk does not answer: whoever writes there will say so.
    } finally {
      this.#isLooking = false;
    }
  }

  async #check(): Promise<void> {
    const { maxBytes, maxFiles, freeBytes } = this.#options;
    const now = await freeSpace(this.#folder);
    this.#atStart ??= now;
    if (now.bytes < freeBytes) this.#stop.abort(noSpace());
    else if (this.#atStart.bytes - now.bytes > maxBytes || this.#atStart.files - now.files > maxFiles)
      await this.#addUp();
  }

  async #addUp(): Promise<void> {
    const { maxBytes, maxFiles, usage } = this.#options;
    const { sizeBytes, inodes } = await usage(this.#folder);
    if (sizeBytes > maxBytes)
      this.#stop.abort(new EngineError('invalid', `it has more than ${maxBytes} bytes`));
    else if (inodes > maxFiles)
      this.#stop.abort(new EngineError('invalid', `it has more than ${maxFiles} files`));
  }
}
