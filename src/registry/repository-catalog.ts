import type { Digest } from '#base/ids';
import type { Platform } from '#spec/oci/platform';

/** A repository as the registry knows it. Times are milliseconds since 1970. */
export interface RepositoryRecord {
  /** as in a path: `library/nginx`, `team/app` */
  readonly name: string;
  readonly createdAt: number;
  /** of the last manifest; `undefined` while nothing was pushed */
  readonly pushedAt: number | undefined;
  /** how often a manifest was fetched whole, by tag or digest; a look (`HEAD`) does not count */
  readonly pulls: number;
  /** of all blobs it refers to, each once, as stored */
  readonly sizeBytes: number;
}

export interface TagRecord {
  readonly tag: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly pushedAt: number;
  /** the account, where there was one */
  readonly pushedBy: string | undefined;
  readonly pulledAt: number | undefined;
  /** compressed, of the largest platform */
  readonly sizeBytes: number;
  readonly platforms: readonly Platform[];
}

/** What a push, a pull or a removal did, told after it is committed. */
export interface RegistryEvent {
  readonly type: 'push' | 'pull' | 'delete';
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest;
  readonly account: string | undefined;
  readonly at: number;
}

/** The repositories of a registry, for whoever shows and looks after them. */
export interface RepositoryCatalog {
  find(repository: string): RepositoryRecord | undefined;
  /** By name. */
  list(): readonly RepositoryRecord[];
  /** Makes an empty one; happy when it is there. */
  ensure(repository: string): RepositoryRecord;
  /** The newest first; empty for a repository that is not there. */
  tags(repository: string): readonly TagRecord[];
  /** @throws {EngineError} `notFound`. */
  removeTag(repository: string, tag: string): void;
  /** Removes the repository with its tags and manifests; blobs that nobody else refers to go with the next collection. @throws {EngineError} `notFound`. */
  remove(repository: string): void;
  /** Every event from now on, until the function it returns is called. A listener that throws is logged. */
  watch(listener: (event: RegistryEvent) => void): () => void;
}
