import type { Logger } from '#base/logger';
import type { RepositoryCatalog, TagRecord } from '#registry/repository-catalog';
import type { Database } from '#store/database';
import type { AccountTable } from './account-table.ts';
import type { ActivityTable } from './activity-table.ts';
import { CATEGORIES } from './categories.ts';
import { accountNotFound, conflict, forbidden, invalid, repositoryNotFound, teamNotFound } from './errors.ts';
import type { Account, Activity, HubRepository, Permission } from './hub-records.ts';
import type { HubRepositoryService, Page, RepositoryQuery, Viewer } from './hub-services.ts';
import { checkRepositoryName, namespaceOf, OFFICIAL } from './namespace-name.ts';
import type { OrganizationTable } from './organization-table.ts';
import { pageOf, placeOf } from './paging.ts';
import type { RegistryFollower } from './registry-follower.ts';
import type { RepositoryTable } from './repository-table.ts';
import { includes, type Rights } from './rights.ts';
import { searchWords } from './search-words.ts';
import { singleLine } from './single-line.ts';

export interface RepositoriesDeps {
  readonly db: Database;
  readonly accounts: AccountTable;
  readonly organizations: OrganizationTable;
  readonly repositories: RepositoryTable;
  readonly activity: ActivityTable;
  readonly rights: Rights;
  readonly catalog: RepositoryCatalog;
  readonly follower: RegistryFollower;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
}

const MAX_DESCRIPTION = 255;
const MAX_OVERVIEW = 25_000;
const MOST_COLLABORATORS = 1000;
const MOST_ACTIVITY = 100;
const DEFAULT_ACTIVITY = 20;

/** What the hub knows and does of repositories. What is in them is the registry's, and asked there. */
export class Repositories implements HubRepositoryService {
  readonly #deps: RepositoriesDeps;

  constructor(deps: RepositoriesDeps) {
    this.#deps = deps;
  }

  search(viewer: Viewer, query: RepositoryQuery): Page<HubRepository> {
    const { rights, repositories, follower } = this.#deps;
    const place = placeOf(query);
    const text = query.text?.trim() ?? '';
    const match = searchWords(text);
    const eyes = rights.eyes(viewer);
    // Words without letters are in no name.
    if (!eyes || (text !== '' && match === undefined)) return pageOf(place, [], 0);
    follower.refresh();
    const { items, total } = repositories.search(eyes, {
      match,
      exact: text.toLowerCase().slice(0, MAX_DESCRIPTION),
      namespace: query.namespace,
      isOfficial: query.isOfficial,
      category: query.category,
      minStars: query.minStars,
      order: query.order ?? (match === undefined ? 'pulls' : 'match'),
      limit: place.limit,
      offset: place.offset,
    });
    return pageOf(place, items, total);
  }

  get(viewer: Viewer, name: string): HubRepository {
    this.#deps.follower.refresh(name);
    const found = this.#deps.repositories.find(name);
    if (!found || this.permission(viewer, name) === undefined) throw repositoryNotFound(name.slice(0, 255));
    return found;
  }

  tags(viewer: Viewer, name: string): readonly TagRecord[] {
    this.get(viewer, name);
    return this.#deps.catalog.tags(name);
  }

  create(
    viewer: Viewer,
    { name, description, isPrivate }: Parameters<HubRepositoryService['create']>[1],
  ): HubRepository {
    const { rights, repositories, activity, catalog, accounts, db, now, logger } = this.#deps;
    const by = rights.required(viewer, 'make a repository');
    checkRepositoryName(name);
    const namespace = namespaceOf(name);
    if (!rights.keeps(by, namespace) || !rights.isThere(namespace)) throw forbidden(rights.whyNot(by, name));
    if (repositories.find(name)) throw conflict(`the repository ${name} is there already`);
    const line = singleLine('description', description ?? '', MAX_DESCRIPTION);
    // One transaction for both: what the registry has and the hub does not would be taken over at the next start, and be public.
    db.transaction(() => {
      catalog.ensure(name);
      repositories.insert({
        name,
        namespace,
        description: line,
        isPrivate: isPrivate ?? accounts.isPrivateByDefault(namespace),
        createdAt: now(),
      });
      activity.insert({ at: now(), account: by.name, type: 'create', repository: name, tag: undefined });
    });
    logger.info('repository made', { repository: name, by: by.name });
    return this.get(by, name);
  }

  update(viewer: Viewer, name: string, change: Parameters<HubRepositoryService['update']>[2]): HubRepository {
    const { repositories, logger } = this.#deps;
    const { account, repository } = this.#administered(viewer, name, 'change');
    const overview = change.overview ?? repository.overview;
    if (overview.length > MAX_OVERVIEW) {
      throw invalid(`the overview may have at most ${MAX_OVERVIEW} characters, and has ${overview.length}`);
    }
    const category = change.category ?? repository.category;
    if (category !== undefined && category !== '' && !CATEGORIES.includes(category)) {
      throw invalid(`no such category: ${category.slice(0, 50)}; there are ${CATEGORIES.join(', ')}`);
    }
    repositories.update({
      ...repository,
      description: singleLine('description', change.description ?? repository.description, MAX_DESCRIPTION),
      overview,
      category: category === '' ? undefined : category,
      isPrivate: change.isPrivate ?? repository.isPrivate,
    });
    const changed = this.get(account, name);
    if (changed.isPrivate !== repository.isPrivate) {
      logger.info('visibility changed', { repository: name, isPrivate: changed.isPrivate, by: account.name });
    }
    return changed;
  }

  removeTag(viewer: Viewer, name: string, tag: string): void {
    const { catalog, follower, logger } = this.#deps;
    const { account } = this.#administered(viewer, name, 'remove tags of');
    follower.doneBy(account.name, () => catalog.removeTag(name, tag));
    logger.info('tag removed', { repository: name, tag, by: account.name });
  }

  /** First in the registry: what is left in the hub after a crash is found at the next start, and goes then. */
  remove(viewer: Viewer, name: string): void {
    const { repositories, activity, catalog, follower, db, now, logger } = this.#deps;
    const { account } = this.#administered(viewer, name, 'remove');
    if (catalog.find(name)) follower.doneBy(account.name, () => catalog.remove(name));
    db.transaction(() => {
      repositories.delete(name);
      activity.insert({ at: now(), account: account.name, type: 'delete', repository: name, tag: undefined });
    });
    logger.info('repository removed', { repository: name, by: account.name });
  }

  star(viewer: Viewer, name: string, { isStarred }: { readonly isStarred: boolean }): HubRepository {
    const account = this.#deps.rights.required(viewer, 'star a repository');
    this.get(account, name);
    this.#deps.repositories.setStarred(name, account.name, isStarred);
    return this.get(account, name);
  }

  isStarred(viewer: Viewer, name: string): boolean {
    const account = this.#deps.rights.current(viewer);
    return account !== undefined && this.#deps.repositories.isStarred(name, account.name);
  }

  permission(viewer: Viewer, name: string): Permission | undefined {
    return this.#deps.repositories.find(name) && this.#deps.rights.permission(viewer, name);
  }

  collaborators(
    viewer: Viewer,
    name: string,
  ): readonly { readonly who: string; readonly permission: Permission }[] {
    this.#administered(viewer, name, 'see the collaborators of');
    return this.#deps.repositories.collaborators(name);
  }

  setCollaborator(viewer: Viewer, name: string, who: string, permission: Permission | undefined): void {
    const { repositories, accounts, organizations, logger } = this.#deps;
    const by = this.#administered(viewer, name, 'share').account;
    if (permission !== undefined && repositories.collaborators(name).length >= MOST_COLLABORATORS) {
      throw conflict(`a repository may have ${MOST_COLLABORATORS} collaborators`);
    }
    const [organization = '', team] = who.split('/', 2);
    if (team !== undefined) {
      if (organization !== namespaceOf(name)) {
        throw invalid(`only teams of ${namespaceOf(name)} can have rights in ${name}`);
      }
      if (!organizations.hasTeam(organization, team)) throw teamNotFound(organization, team);
      repositories.setTeamRight(name, { organization, team }, permission);
    } else {
      const account = accounts.find(who);
      if (!account) throw accountNotFound(who.slice(0, 50));
      repositories.setCollaborator(name, account.name, permission);
    }
    logger.info('right set', { repository: name, who, permission, by: by.name });
  }

  namespaces(viewer: Viewer): readonly string[] {
    const account = this.#deps.rights.required(viewer, 'see your namespaces');
    const owned = this.#deps.organizations.listOf(account.name).filter(({ role }) => role === 'owner');
    return [account.name, ...owned.map(({ name }) => name), ...(account.isAdmin ? [OFFICIAL] : [])];
  }

  isPrivateByDefault(viewer: Viewer, namespace: string): boolean {
    this.#keeper(viewer, namespace);
    return this.#deps.accounts.isPrivateByDefault(namespace);
  }

  setPrivateByDefault(
    viewer: Viewer,
    namespace: string,
    { isPrivate }: { readonly isPrivate: boolean },
  ): void {
    const by = this.#keeper(viewer, namespace);
    this.#deps.accounts.setPrivateByDefault(namespace, isPrivate);
    this.#deps.logger.info('default visibility changed', { namespace, isPrivate, by: by.name });
  }

  activity(viewer: Viewer, options: { readonly limit?: number } = {}): readonly Activity[] {
    const account = this.#deps.rights.required(viewer, 'see what happened');
    const limit = Math.min(MOST_ACTIVITY, Math.max(1, Math.trunc(options.limit ?? DEFAULT_ACTIVITY)));
    return this.#deps.activity.listFor(account.name, { limit, namespaces: this.namespaces(account) });
  }

  #keeper(viewer: Viewer, namespace: string): Account {
    const account = this.#deps.rights.required(viewer, 'change a namespace');
    if (this.#deps.accounts.namespaceType(namespace) && this.#deps.rights.keeps(account, namespace)) {
      return account;
    }
    throw forbidden(`${account.name} does not keep the namespace ${namespace}`);
  }

  /** What is not seen is not found; what is seen may still not be administered. */
  #administered(viewer: Viewer, name: string, what: string) {
    const account = this.#deps.rights.required(viewer, `${what} a repository`);
    const repository = this.get(account, name);
    if (includes(this.#deps.rights.permission(account, name), 'admin')) return { account, repository };
    throw forbidden(`${account.name} may not ${what} ${name}; that takes the right to administer it`);
  }
}
