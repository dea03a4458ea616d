import { type Abortable, orAborted } from '#base/abortable';
import type { AttachedStreams } from '#runtime/process-runtime';

/**
 * Clients that attached before the process was there (`docker run` attaches, then starts). They are connected
 * between `create` and `start` of the process, so that not one byte of its output passes them by.
 */
export class AttachHub {
  readonly #pending = new Map<string, Set<PromiseWithResolvers<AttachedStreams>>>();

  /** Resolves when the container's next process is made. @throws {EngineError} `cancelled` when the signal fires. */
  async next(id: string, { signal }: Abortable = {}): Promise<AttachedStreams> {
    const place = Promise.withResolvers<AttachedStreams>();
    const places = this.#pending.get(id) ?? new Set();
    this.#pending.set(id, places.add(place));
    try {
      return await orAborted(place.promise, signal);
    } finally {
      places.delete(place);
      if (places.size === 0 && this.#pending.get(id) === places) this.#pending.delete(id);
    }
  }

  /** Connects everyone who waits; called while the process waits for its start. */
  connect(id: string, attach: () => AttachedStreams): void {
    for (const place of this.#pending.get(id) ?? []) place.resolve(attach());
    this.#pending.delete(id);
  }

  /** The process will not come: start failed or the container was removed. */
  reject(id: string, error: Error): void {
    for (const place of this.#pending.get(id) ?? []) place.reject(error);
    this.#pending.delete(id);
  }
}
