import { EngineError } from '#base/errors';
import { digestOf } from '#base/ids';
import type { RegistryEvent, RepositoryCatalog, RepositoryRecord, TagRecord } from './repository-catalog.ts';

interface FakeRepository {
  record: RepositoryRecord;
  tags: TagRecord[];
}

/** A catalog in memory, with what clients of a registry would do. For tests. */
export class FakeRepositoryCatalog implements RepositoryCatalog {
  readonly #now: () => number;
  readonly #repositories = new Map<string, FakeRepository>();
  readonly #listeners = new Set<(event: RegistryEvent) => void>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  find(repository: string): RepositoryRecord | undefined {
    return this.#repositories.get(repository)?.record;
  }

  list(): readonly RepositoryRecord[] {
    return [...this.#repositories.values()]
      .map(({ record }) => record)
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  ensure(repository: string): RepositoryRecord {
    return this.#ensure(repository).record;
  }

  tags(repository: string): readonly TagRecord[] {
    return this.#repositories.get(repository)?.tags ?? [];
  }

  removeTag(repository: string, tag: string): void {
    const found = this.#repositories.get(repository);
    const removed = found?.tags.find(record => record.tag === tag);
    if (!found || !removed) throw new EngineError('notFound', `no such tag: ${repository}:${tag}`);
    found.tags = found.tags.filter(record => record !== removed);
    this.#tell({ type: 'delete', repository, tag, digest: removed.digest, account: undefined });
  }

  remove(repository: string): void {
    if (!this.#repositories.delete(repository)) {
      throw new EngineError('notFound', `no such repository: ${repository}`);
    }
  }

  watch(listener: (event: RegistryEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a client's push does. */
  push(repository: string, tag: string, account?: string): void {
    const found = this.#ensure(repository);
    const digest = digestOf(`${repository}:${tag}@${this.#now()}`);
    const pushed: TagRecord = {
      tag,
      digest,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      pushedAt: this.#now(),
      pushedBy: account,
      pulledAt: undefined,
      sizeBytes: 1000,
      platforms: [{ os: 'linux', architecture: 'amd64' }],
    };
    found.tags = [pushed, ...found.tags.filter(record => record.tag !== tag)];
    found.record = { ...found.record, pushedAt: this.#now(), sizeBytes: 1000 * found.tags.length };
    this.#tell({ type: 'push', repository, tag, digest, account });
  }

  /** What a client's pull does. */
  pull(repository: string, tag: string, account?: string): void {
    const found = this.#ensure(repository);
    const pulled = found.tags.find(record => record.tag === tag);
    if (!pulled) throw new EngineError('notFound', `no such tag: ${repository}:${tag}`);
    found.tags = found.tags.map(record =>
      record === pulled ? { ...record, pulledAt: this.#now() } : record,
    );
    found.record = { ...found.record, pulls: found.record.pulls + 1 };
    this.#tell({ type: 'pull', repository, tag, digest: pulled.digest, account });
  }

  #ensure(name: string): FakeRepository {
    const known = this.#repositories.get(name);
    if (known) return known;
    const made: FakeRepository = {
      record: { name, createdAt: this.#now(), pushedAt: undefined, pulls: 0, sizeBytes: 0 },
      tags: [],
    };
    this.#repositories.set(name, made);
    return made;
  }

  #tell(event: Omit<RegistryEvent, 'at'>): void {
    for (const listener of this.#listeners) listener({ ...event, at: this.#now() });
  }
}
