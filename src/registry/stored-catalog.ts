import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import { RegistryError } from './errors.ts';
import type { Manifests } from './manifests.ts';
import type { PullCounter } from './pull-counter.ts';
import type { RegistryEvents } from './registry-events.ts';
import type { RegistryEvent, RepositoryCatalog, RepositoryRecord, TagRecord } from './repository-catalog.ts';
import type { RepositoryTable, StoredRepository } from './repository-table.ts';
import type { TagTable } from './tag-table.ts';
import type { Uploads } from './uploads.ts';

export interface StoredCatalogDeps {
  readonly db: Database;
  readonly repositories: RepositoryTable;
  readonly tags: TagTable;
  readonly manifests: Pick<Manifests, 'remove'>;
  readonly pulls: Pick<PullCounter, 'pending'>;
  readonly uploads: Pick<Uploads, 'dropAll'>;
  readonly events: RegistryEvents;
  readonly logger: Logger;
  readonly now: () => number;
}

/** The catalog as the tables have it. */
export class StoredCatalog implements RepositoryCatalog {
  readonly #deps: StoredCatalogDeps;

  constructor(deps: StoredCatalogDeps) {
    this.#deps = deps;
  }

  find(repository: string): RepositoryRecord | undefined {
    const found = this.#deps.repositories.find(repository);
    return found && this.#record(found);
  }

  list(): RepositoryRecord[] {
    return this.#deps.repositories.list().map(each => this.#record(each));
  }

  ensure(repository: string): RepositoryRecord {
    return this.#record(this.#deps.repositories.ensure(repository, this.#deps.now()));
  }

  tags(repository: string): TagRecord[] {
    const found = this.#deps.repositories.find(repository);
    return found ? this.#deps.tags.list(found.id) : [];
  }

  removeTag(repository: string, tag: string): void {
    try {
      this.#deps.manifests.remove(repository, { tag }, {});
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      throw new EngineError('notFound', `no tag ${tag} in ${repository}`, { cause: error });
    }
  }

  remove(repository: string): void {
    const { db, repositories, uploads, logger } = this.#deps;
    const found = repositories.find(repository);
    if (!found) throw new EngineError('notFound', `no such repository: ${repository}`);
    db.transaction(() => repositories.delete(found.id));
    uploads.dropAll(repository).catch((error: unknown) => {
      logger.warn('files of uploads could not be removed', { repository, error }); // the next start does it
    });
  }

  watch(listener: (event: RegistryEvent) => void): () => void {
    return this.#deps.events.watch(listener);
  }

  #record({ name, createdAt, pushedAt, pulls, sizeBytes }: StoredRepository): RepositoryRecord {
    return { name, createdAt, pushedAt, sizeBytes, pulls: pulls + this.#deps.pulls.pending(name) };
  }
}
