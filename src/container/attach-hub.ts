import { type Abortable, orAborted } from '#base/abortable';
import type { AttachedStreams } from '#runtime/process-runtime';

interface Place {
  readonly attach: () => AttachedStreams;
  readonly connected: PromiseWithResolvers<AttachedStreams>;
}

/**
 * Clients that attached before the process was there (`docker run` attaches, then starts). They are connected
 * between `create` and `start` of the process, so that not one byte of its output passes them by.
 */
export class AttachHub {
  readonly #places = new Map<string, Set<Place>>();

  /** Calls `attach` when the container's next process is made. @throws {EngineError} `cancelled` when the signal fires. */
  async next(
    id: string,
    attach: () => AttachedStreams,
    { signal }: Abortable = {},
  ): Promise<AttachedStreams> {
    const place: Place = { attach, connected: Promise.withResolvers<AttachedStreams>() };
    const places = this.#places.get(id) ?? new Set();
    this.#places.set(id, places.add(place));
    try {
      return await orAborted(place.connected.promise, signal);
    } finally {
      places.delete(place);
      if (places.size === 0 && this.#places.get(id) === places) this.#places.delete(id);
    }
  }

  /** Connects everyone who waits; called while the process waits for its start. */
  connect(id: string): void {
    for (const { attach, connected } of this.#take(id)) {
      try {
        connected.resolve(attach());
      } catch (error) {
        connected.reject(error);
      }
    }
  }

  /** The process will not come: start failed or the container was removed. */
  reject(id: string, error: Error): void {
    for (const { connected } of this.#take(id)) connected.reject(error);
  }

  #take(id: string): Place[] {
    const places = [...(this.#places.get(id) ?? [])];
    this.#places.delete(id);
    return places;
  }
}
