import type { Logger } from '#base/logger';
import { RotatedLog, type RotationOptions } from './rotated-log.ts';

export interface LogRotatorDeps {
  readonly logger: Logger;
}

/**
 * Keeps the logs of running containers within their limits. Rotation happens while the engine runs; after a restart it
 * catches up with the first look at each log.
 */
export class LogRotator implements Disposable {
  readonly #logger: Logger;
  readonly #logs = new Map<string, RotatedLog>();

  constructor({ logger }: LogRotatorDeps) {
    this.#logger = logger;
  }

  /** Watches the log of a container that runs, and repairs what a crash left: also one that has no limit. */
  add(id: string, options: RotationOptions): void {
    this.remove(id);
    this.#logs.set(id, new RotatedLog(id, options, this.#logger));
  }

  /** Stops watching: the container has ended. Its files stay. */
  remove(id: string): void {
    this.#logs.get(id)?.[Symbol.dispose]();
    this.#logs.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of this.#logs.keys()) this.remove(id);
  }
}
