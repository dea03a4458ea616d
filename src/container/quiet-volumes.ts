import { type Abortable, orAborted } from '#base/abortable';

/** Volumes that are being read in a state that does not move: containers that start with one wait until that is over. */
export class QuietVolumes {
  readonly #held = new Map<string, Hold[]>();

  /** Until it is disposed. Several at a time are fine. */
  hold(volume: string): Disposable {
    const hold = Promise.withResolvers<void>();
    this.#held.set(volume, [...(this.#held.get(volume) ?? []), hold]);
    return {
      [Symbol.dispose]: () => {
        const others = (this.#held.get(volume) ?? []).filter(other => other !== hold);
        if (others.length > 0) this.#held.set(volume, others);
        else this.#held.delete(volume);
        hold.resolve();
      },
    };
  }

  isHeld(volumes: readonly string[]): boolean {
    return volumes.some(volume => this.#held.has(volume));
  }

  /** Resolves when none of them is held. @throws {EngineError} `cancelled` when the signal fires before. */
  async free(volumes: readonly string[], { signal }: Abortable = {}): Promise<void> {
    for (;;) {
      const next = volumes.flatMap(volume => this.#held.get(volume) ?? [])[0];
      if (!next) return;
      await orAborted(next.promise, signal);
    }
  }
}

type Hold = PromiseWithResolvers<void>;
