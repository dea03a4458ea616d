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
  /** everything under way, by name and key */
  readonly #pending = new Map<string, Map<string, Promise<unknown>>>();

  constructor(deps: LayerIntakeDeps) {
    this.#deps = deps;
  }

  /**
   * Runs `work` unless the layer is there or another call does it. When that one fails, this one goes on with its own. What
   * is still on its way is shared by those who wait for the same bytes alone: others may never be whole, and prove nothing.
   */
  async ensure(
    name: string,
    { archive }: Pick<LayerSource, 'archive'>,
    work: Work,
    options: Abortable = {},
  ): Promise<TakenLayer | undefined> {
    const key = typeof archive === 'string' ? '' : archive.writer;
    for (;;) {
      if (this.#deps.hasCommitted(name)) return undefined;
      let isMine = false;
      try {
        return await this.#flights.run(
          `${name} ${key}`,
          signal => {
            isMine = true;
            return this.#launch(name, key, work, signal);
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
    if (parent === undefined || this.#deps.hasCommitted(parent)) return; // others may still be on their way to it
    const pending = this.#pending.get(parent);
    if (pending) await orAborted(firstOf([...pending.values()]), signal);
  }

  /** Waits for work that nobody waits for any more too. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) {
      await Promise.allSettled([...this.#pending.values()].flatMap(work => [...work.values()]));
    }
  }

  async #launch(name: string, key: string, work: Work, signal: AbortSignal): Promise<TakenLayer | undefined> {
    const pending = this.#pending.get(name) ?? new Map<string, Promise<unknown>>();
    this.#pending.set(name, pending);
    // One that was cancelled may still be clearing up.
    const before = pending.get(key);
    const running = (async () => {
      await Promise.allSettled([before]);
      return this.#deps.hasCommitted(name) ? undefined : await work(signal);
    })();
    pending.set(key, running);
    try {
      return await running;
    } finally {
      if (pending.get(key) === running) pending.delete(key);
      if (pending.size === 0 && this.#pending.get(name) === pending) this.#pending.delete(name);
    }
  }
}

async function firstOf(work: readonly Promise<unknown>[]): Promise<void> {
  try {
    await Promise.any(work);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** A source as the threads take it. */
export function archiveInput({ archive, blob, isVerified = false }: LayerSource): ArchiveInput {
  const expected = { digest: blob.digest, sizeBytes: blob.sizeBytes };
  return typeof archive === 'string'
    ? { path: archive, expected, isVerified }
    : { path: archive.path, growth: archive.shared, expected, isVerified };
}

/** That it is what the source says. @throws {EngineError} `invalid`, in Docker's words; `dataLoss` for another blob. */
export function verifyLayer({ diffId, blob, label = 'layer' }: LayerSource, facts: ArchiveFacts): void {
  if (facts.blobDigest !== blob.digest || facts.blobBytes !== blob.sizeBytes) {
    throw new EngineError('dataLoss', `expected ${blob.digest}, got ${facts.blobDigest}`);
  }
  if (facts.diffId === diffId) return;
  throw new EngineError(
    'invalid',
    `invalid diffID for ${label}: expected "${diffId}", got "${facts.diffId}"`,
  );
}
