import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';

/** Work that nobody waits for: it is tried once, and what fails is logged; the sweep at start-up finds the rest. */
export class BackgroundChores {
  readonly #logger: Logger;
  readonly #running = new Set<Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  run(what: string, work: () => Promise<void>): void {
    const chore = work()
      .catch((error: unknown) => this.#logger.warn(`${what} failed`, { error: messageOf(error) }))
      .finally(() => this.#running.delete(chore));
    this.#running.add(chore);
  }

  /** Resolves when nothing is running any more. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
