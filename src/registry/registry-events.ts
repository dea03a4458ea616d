import type { Logger } from '#base/logger';
import type { RegistryEvent } from './repository-catalog.ts';

type Listener = (event: RegistryEvent) => void;

/** Tells what is committed to whoever watches. */
export class RegistryEvents {
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  watch(listener: Listener): () => void {
    const own: Listener = event => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  emit(event: RegistryEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.error('a listener of the registry failed', { repository: event.repository, error });
      }
    }
  }
}
