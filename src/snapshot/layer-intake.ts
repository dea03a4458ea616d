import { type Abortable, orAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { SingleFlight } from '#base/single-flight';
import type { ArchiveFacts, ArchiveInput } from '#store/archive-source';
import type { LayerSource, TakenLayer } from './snapshotter.ts';

export interface LayerIntakeDeps {
  readonly hasCommitted: (name: string) => boolean;
}

type Work = (signal: AbortSignal) => Promise<TakenLayer>;

/** Which layers are being taken in: equal ones once, and each before those that stand on it. */
export class LayerIntake {
  readonly #deps: LayerIntakeDeps;
  readonly #flights = new SingleFlight<TakenLayer | undefined>();
  /** everything under way, by name */
  readonly #pending = new Map<string, Promise<unknown>>();

  constructor(deps: LayerIntakeDeps) {
    this.#deps = deps;
  }

  /** Runs `work` unless the layer is there or another call does it. When that one fails, this one goes on with its own. */
  async ensure(name: string, work: Work, options: Abortable = {}): Promise<TakenLayer | undefined> {
    for (;;) {
      if (this.#deps.hasCommitted(name)) return undefined;
      let isMine = false;
      try {
        return await this.#flights.run(
          name,
          signal => {
            isMine = true;
            return this.#launch(name, work, signal);
          },
          options,
        );
      } catch (error) {
        if (isMine || options.signal?.aborted) throw error;
      }
    }
  }

  /** Waits for the layer below, if it is on its way. */
  async parentOf(parent: string | undefined, signal: AbortSignal): Promise<void> {
    const pending = parent === undefined ? undefined : this.#pending.get(parent);
    if (pending) await orAborted(pending, signal);
  }

  /** Waits for work that nobody waits for any more too. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending.values());
  }

  async #launch(name: string, work: Work, signal: AbortSignal): Promise<TakenLayer | undefined> {
    // One that was cancelled may still be clearing up.
    const before = this.#pending.get(name);
    const running = (async () => {
      await Promise.allSettled([before]);
      return this.#deps.hasCommitted(name) ? undefined : await work(signal);
    })();
    this.#pending.set(name, running);
    try {
      return await running;
    } finally {
      if (this.#pending.get(name) === running) this.#pending.delete(name);
    }
  }
}

/** A source as the threads take it. */
export function archiveInput({ archive, blob, isVerified = false }: LayerSource): ArchiveInput {
  const expected = { digest: blob.digest, sizeBytes: blob.sizeBytes };
  return typeof archive === 'string'
    ? { path: archive, expected, isVerified }
    : { path: archive.path, growth: archive.shared, expected, isVerified };
}

/** @throws {EngineError} `invalid`, in Docker's words. */
export function verifyDiffId({ diffId, label = 'layer' }: LayerSource, facts: ArchiveFacts): void {
  if (facts.diffId === diffId) return;
  throw new EngineError(
    'invalid',
    `invalid diffID for ${label}: expected "${diffId}", got "${facts.diffId}"`,
  );
}
