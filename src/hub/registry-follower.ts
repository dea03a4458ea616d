import type { Logger } from '#base/logger';
import type { RegistryEvent, RepositoryCatalog, RepositoryRecord } from '#registry/repository-catalog';
import type { Database } from '#store/database';
import type { AccountTable } from './account-table.ts';
import type { ActivityTable } from './activity-table.ts';
import { namespaceOf, OFFICIAL } from './namespace-name.ts';
import type { RepositoryTable } from './repository-table.ts';
import type { AnonymousAccess } from './rights.ts';

export interface RegistryFollowerDeps {
  readonly db: Database;
  readonly catalog: RepositoryCatalog;
  readonly accounts: AccountTable;
  readonly repositories: RepositoryTable;
  readonly activity: ActivityTable;
  readonly anonymous: AnonymousAccess;
  /** told of a push, once the repository is there */
  readonly onPush: (event: RegistryEvent) => void;
  readonly logger: Logger;
}

/**
 * Keeps the hub's rows what the registry says. Pushes to new names make rows; what is counted there is fetched when somebody
 * looks, so that a pull costs the hub nothing. What happened while nobody listened, or between a commit of the registry and
 * one of the hub, is caught up with at the start.
 */
export class RegistryFollower implements Disposable {
  readonly #deps: RegistryFollowerDeps;
  /** what has been counted since it was last fetched */
  readonly #stale = new Set<string>();
  readonly #leave: () => void;
  #actor: string | undefined;

  constructor(deps: RegistryFollowerDeps) {
    this.#deps = deps;
    this.#leave = deps.catalog.watch(event => this.#on(event));
    this.#catchUp();
  }

  /** Fetches what is counted, of one repository or of all. */
  refresh(name?: string): void {
    if (name !== undefined && !this.#stale.has(name)) return;
    const names = name === undefined ? [...this.#stale] : [name];
    if (names.length === 0) return;
    this.#deps.db.transaction(() => {
      for (const stale of names) {
        const record = this.#deps.catalog.find(stale);
        if (record) this.#deps.repositories.setCounted(stale, record);
        this.#stale.delete(stale);
      }
    });
  }

  /** Events that come from `work` are the doing of this account. */
  doneBy(account: string, work: () => void): void {
    this.#actor = account;
    try {
      work();
    } finally {
      this.#actor = undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#leave();
  }

  #on(event: RegistryEvent): void {
    const { type, repository } = event;
    const account = event.account ?? this.#actor;
    if (type !== 'pull') this.#record({ ...event, account });
    this.#stale.add(repository);
    if (type === 'push') this.#deps.onPush({ ...event, account });
  }

  #record({ type, repository, account, tag, at }: RegistryEvent): void {
    const { db, catalog, repositories, activity } = this.#deps;
    db.transaction(() => {
      const record = catalog.find(repository);
      if (record) this.#adopt(record);
      else repositories.delete(repository);
      if (type !== 'pull' && tag !== undefined) activity.insert({ at, account, type, repository, tag });
    });
  }

  #catchUp(): void {
    const { db, catalog, repositories, logger } = this.#deps;
    db.transaction(() => {
      const records = catalog.list();
      const there = new Set(records.map(({ name }) => name));
      for (const name of repositories.names()) {
        if (there.has(name)) continue;
        logger.info('repository is gone from the registry', { repository: name });
        repositories.delete(name);
      }
      for (const record of records) {
        this.#adopt(record);
        repositories.setCounted(record.name, record);
      }
    });
  }

  #adopt({ name, createdAt }: RepositoryRecord): void {
    const { repositories, logger } = this.#deps;
    if (repositories.find(name)) return;
    const namespace = namespaceOf(name);
    const isPrivate = this.#isPrivate(namespace);
    repositories.insert({ name, namespace, description: '', isPrivate, createdAt });
    logger.info('repository is new', { repository: name, isPrivate });
  }

  /** By what its namespace prefers. Where nobody has it, what is there is only shown if anybody may push. */
  #isPrivate(namespace: string): boolean {
    const { accounts, anonymous } = this.#deps;
    if (namespace === OFFICIAL) return false;
    if (accounts.namespaceType(namespace) === undefined) return anonymous !== 'push';
    return accounts.isPrivateByDefault(namespace);
  }
}
