import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';

/** Starts containers again after a delay. One start is pending per container at most. */
export class RestartScheduler {
  readonly #logger: Logger;
  readonly #start: (id: string, restartCount: number) => Promise<void>;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #delays = new Map<string, number>();
  #isClosed = false;

  constructor(logger: Logger, start: (id: string, restartCount: number) => Promise<void>) {
    this.#logger = logger;
    this.#start = start;
  }

  schedule(
    id: string,
    { delayMs, restartCount }: { readonly delayMs: number; readonly restartCount: number },
  ): void {
    if (this.#isClosed) return;
    this.cancel(id);
    this.#delays.set(id, delayMs);
    const timer = setTimeout(() => {
      this.#timers.delete(id);
      this.#start(id, restartCount).catch((error: unknown) => {
        if (isKind(error, 'notModified')) return; // someone started it by hand
        this.#logger.warn('cannot restart a container', { container: id, error: messageOf(error) });
      });
    }, delayMs);
    this.#timers.set(id, timer);
  }

  /** The last delay, unless somebody has started or stopped the container by hand since. */
  previousDelayMs(id: string): number | undefined {
    return this.#delays.get(id);
  }

  /** @returns whether a start was pending. */
  cancel(id: string): boolean {
    this.#delays.delete(id);
    clearTimeout(this.#timers.get(id));
    return this.#timers.delete(id);
  }

  /** What is pending, or would be from now on, is the next engine's: it finds the container `restarting`. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
