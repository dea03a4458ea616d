import type { AccountTable } from './account-table.ts';
import { signInFirst } from './errors.ts';
import type { Account, Permission } from './hub-records.ts';
import type { Viewer } from './hub-services.ts';
import { isReserved, nameInNamespace, namespaceOf, OFFICIAL } from './namespace-name.ts';
import type { OrganizationTable } from './organization-table.ts';
import type { Eyes, RepositoryTable } from './repository-table.ts';

/** What those who do not sign in may do: nothing, pull what is public, or push too where nobody has a namespace. */
export type AnonymousAccess = 'none' | 'pull' | 'push';

export interface RightsDeps {
  readonly accounts: AccountTable;
  readonly organizations: OrganizationTable;
  readonly repositories: RepositoryTable;
  readonly anonymous: AnonymousAccess;
}

const ORDER: readonly Permission[] = ['read', 'write', 'admin'];

/** Whether `permission` is `wanted` or more. */
export function includes(permission: Permission | undefined, wanted: Permission): boolean {
  return permission !== undefined && ORDER.indexOf(permission) >= ORDER.indexOf(wanted);
}

/** The lesser of two. */
export function capped(permission: Permission | undefined, cap: Permission): Permission | undefined {
  return includes(permission, cap) ? cap : permission;
}

/**
 * Who may do what in which repository. Nothing is remembered: what a viewer brings along is a name, and what that account is
 * and may is looked up each time, so that it ends at once when it is taken away.
 */
export class Rights {
  readonly #deps: RightsDeps;

  constructor(deps: RightsDeps) {
    this.#deps = deps;
  }

  /** The account as it is now; `undefined` for nobody, and for one that is disabled by now. */
  current(viewer: Viewer): Account | undefined {
    const account = viewer && this.#deps.accounts.find(viewer.name);
    return account && !account.isDisabled ? account : undefined;
  }

  /** @param what for the sentence: `sign in to …`. @throws {EngineError} `unauthorized`. */
  required(viewer: Viewer, what: string): Account {
    const account = this.current(viewer);
    if (!account) throw signInFirst(what);
    return account;
  }

  isAdmin(viewer: Viewer): boolean {
    return this.current(viewer)?.isAdmin ?? false;
  }

  /** For lists; `undefined` where nothing may be seen at all. */
  eyes(viewer: Viewer): Eyes | undefined {
    const account = this.current(viewer);
    if (account) return { account: account.name, isAdmin: account.isAdmin };
    return this.#deps.anonymous === 'none' ? undefined : { account: undefined, isAdmin: false };
  }

  /**
   * The most a viewer may do with a repository, whether it is there or would be made: where it is not there, whoever
   * may make it has all rights, and nobody else has any.
   */
  permission(viewer: Viewer, repository: string): Permission | undefined {
    const account = this.current(viewer);
    const namespace = namespaceOf(repository);
    const found = this.#deps.repositories.find(repository);
    if (account && this.keeps(account, namespace)) {
      return found || this.isThere(namespace) ? 'admin' : 'read';
    }
    if (!account) return this.#anonymous(namespace, found?.isPrivate);
    if (!found) return this.#anonymous(namespace, undefined);
    const granted = this.#deps.repositories.granted(repository, account.name);
    const open = found.isPrivate ? undefined : 'read';
    // Whoever signs in may not do less than whoever does not.
    const floor = this.#anonymous(namespace, found.isPrivate);
    return ORDER.findLast(permission => [...granted, open, floor].includes(permission));
  }

  /** Whether an account has all rights in a namespace: its own, one it owns, and all of them for administrators. */
  keeps(account: Account, namespace: string): boolean {
    if (account.isAdmin) return namespace === OFFICIAL || !isReserved(namespace);
    if (account.name === namespace) return true;
    return this.#deps.organizations.role(namespace, account.name) === 'owner';
  }

  isFound(repository: string): boolean {
    return this.#deps.repositories.find(repository) !== undefined;
  }

  /** Whether a namespace is somebody's, or that of official images. */
  isThere(namespace: string): boolean {
    return namespace === OFFICIAL || this.#deps.accounts.namespaceType(namespace) !== undefined;
  }

  /** Whose a namespace is and how to get in, for those who may not write there. */
  whyNot(account: Account, repository: string): string {
    const namespace = namespaceOf(repository);
    const own = `${account.name}/${nameInNamespace(repository)}`;
    const begin = `${account.name} may not write to ${repository}`;
    if (namespace === '') {
      return `the name ${repository} has no namespace: ${own} would be yours`;
    }
    if (namespace === OFFICIAL) {
      return `${begin}: the administrators keep the official images in ${OFFICIAL}; push to ${own}, or ask one of them`;
    }
    switch (this.#deps.accounts.namespaceType(namespace)) {
      case 'account':
        return `${begin}: the namespace ${namespace} belongs to the account ${namespace}; push to ${own}, or ask ${namespace} to add you as a collaborator`;
      case 'organization':
        return `${begin}: the namespace ${namespace} belongs to an organization; push to ${own}, or ask an owner of ${namespace} for the right to write`;
      case undefined:
        return `${begin}: no account or organization is called ${namespace}; push to ${own}, or make an organization of that name first`;
    }
  }

  #anonymous(namespace: string, isPrivate: boolean | undefined): Permission | undefined {
    const { anonymous, accounts } = this.#deps;
    if (anonymous === 'none' || isPrivate === true) return undefined;
    const isNobodys = accounts.namespaceType(namespace) === undefined && !isReserved(namespace);
    if (anonymous === 'push' && isNobodys) return 'write';
    return isPrivate === false ? 'read' : undefined;
  }
}
