import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import type { ManifestName } from './names.ts';
import type { RepositoryTable } from './repository-table.ts';
import type { TagTable } from './tag-table.ts';

export interface PullCounterDeps {
  readonly db: Database;
  readonly repositories: RepositoryTable;
  readonly tags: TagTable;
  readonly logger: Logger;
  readonly now: () => number;
}

const WRITE_EVERY_MS = 10_000;
/** so many names, and it is written at once */
const MOST_NAMES = 10_000;

/** Counts pulls in memory and writes them now and then: a pull writes nothing. A killed registry forgets those of a few seconds. */
export class PullCounter implements Disposable {
  readonly #deps: PullCounterDeps;
  readonly #pulls = new Map<string, number>();
  readonly #names = new Map<
    string,
    { readonly repository: string; readonly name: ManifestName; readonly at: number }
  >();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: PullCounterDeps) {
    this.#deps = deps;
  }

  count(repository: string, name: ManifestName): void {
    const at = this.#deps.now();
    this.#pulls.set(repository, this.pending(repository) + 1);
    this.#names.set(`${repository}@${name.tag ?? name.digest}`, { repository, name, at });
    if (this.#names.size + this.#pulls.size > MOST_NAMES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WRITE_EVERY_MS).unref();
  }

  /** Counted and not written yet. */
  pending(repository: string): number {
    return this.#pulls.get(repository) ?? 0;
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pulls.size === 0) return;
    const { db, repositories, tags, logger } = this.#deps;
    try {
      db.transaction(() => {
        for (const [name, count] of this.#pulls) repositories.addPulls(name, count);
        for (const { repository, name, at } of this.#names.values()) tags.setPulled(repository, name, at);
      });
    } catch (error) {
      logger.warn('pulls could not be counted', { error });
    }
    this.#pulls.clear();
    this.#names.clear();
  }

  [Symbol.dispose](): void {
    this.flush();
  }
}
