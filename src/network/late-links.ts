import { deleteLinks } from './host-links.ts';

/** Until then nearly all have gone by themselves. */
const WAIT_MS = 5_000;

/**
 * Host ends of links whose containers are gone. The kernel removes them with the network name space, for which nobody has to wait;
 * but whoever still has that open holds it, and them. What is left after a moment, or when the engine stops, is deleted.
 */
export class LateLinks {
  readonly #names = new Set<string>();
  readonly #delete: (names: readonly string[]) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    onFailure: (error: unknown) => void,
    remove: (names: readonly string[]) => Promise<void> = deleteLinks,
  ) {
    this.#onFailure = onFailure;
    this.#delete = remove;
  }

  add(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.#names.add(name);
    this.#timer ??= setTimeout(() => void this.settle(), WAIT_MS).unref();
  }

  /** Now. Never throws: what cannot be deleted is swept at the next start. */
  async settle(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const names = [...this.#names];
    this.#names.clear();
    try {
      await this.#delete(names);
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
