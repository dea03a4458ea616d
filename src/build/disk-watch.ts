import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { noSpace } from '#store/disk-space';

export interface DiskWatchOptions {
  /** that much the folder may grow to */
  readonly maxBytes: number;
  /** that much of the disk stays free for the containers that run */
  readonly freeBytes: number;
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
  #freeAtStart: number | undefined;
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
    const { maxBytes } = this.#options;
    throwIfAborted(this.signal);
    const { bavail, bsize } = await statfs(this.#folder);
    // Others free and fill the disk too: far from the limit nobody adds up.
    if ((this.#freeAtStart ?? 0) - bavail * bsize < maxBytes / 2) return;
    if ((await sizeOf(this.#folder, maxBytes)) > maxBytes) throw tooLarge(maxBytes);
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
    const { maxBytes, freeBytes } = this.#options;
    const { bavail, bsize } = await statfs(this.#folder);
    const free = bavail * bsize;
    this.#freeAtStart ??= free;
    if (free < freeBytes) this.#stop.abort(noSpace());
    else if (this.#freeAtStart - free > maxBytes && (await sizeOf(this.#folder, maxBytes)) > maxBytes) {
      this.#stop.abort(tooLarge(maxBytes));
    }
  }
}

function tooLarge(maxBytes: number): EngineError {
  return new EngineError('invalid', `it has more than ${maxBytes} bytes`);
}

/** Bytes on disk below a folder, followed by no link; adds up no further than `enough`. */
async function sizeOf(folder: string, enough: number): Promise<number> {
  let size = 0;
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined && size <= enough; next = pending.pop()) {
    for await (const entry of await opendir(next)) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) pending.push(path);
      const { blocks } = await lstat(path);
      size += blocks * 512;
    }
  }
  return size;
}
