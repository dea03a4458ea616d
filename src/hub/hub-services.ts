import type { TagRecord } from '#registry/repository-catalog';
import type {
  AccessToken,
  Account,
  Activity,
  HubRepository,
  Organization,
  OrganizationRole,
  Permission,
  Team,
  Webhook,
} from './hub-records.ts';

/** Who asks: an account that signed in, or nobody. */
export type Viewer = Account | undefined;

/** A part of a long list. Pages count from 1. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly page: number;
  readonly pageSize: number;
}

export interface PageOptions {
  readonly page?: number;
  readonly pageSize?: number;
}

/*
 * What pages and the JSON API are made of. Every call says who asks (`viewer`), and what that account may not see is not
 * found: `notFound` for what is hidden, `forbidden` for what is seen but not allowed, `unauthorized` where signing in would
 * help, `invalid` with a sentence for the form, `conflict` for a name that is taken.
 */

export interface AccountService {
  /** Whether nobody is there yet: the first account is made with the set-up code, and is an administrator. */
  isEmpty(): boolean;
  /** @throws {EngineError} `invalid` (name, password), `conflict`, `forbidden` where sign-up is closed and the viewer is no administrator. */
  create(
    viewer: Viewer,
    input: {
      readonly name: string;
      readonly password: string;
      readonly fullName?: string;
      readonly setupCode?: string;
      /** where it comes from: those who are no administrators make so many from one */
      readonly address?: string;
    },
  ): Promise<Account>;
  /** Checks a password or an access token. Slow on purpose, and slower after failures. @throws {EngineError} `unauthorized`, `unavailable` after too many. */
  authenticate(name: string, secret: string, options: { readonly address: string }): Promise<Authenticated>;
  find(name: string): Account | undefined;
  list(viewer: Viewer, options?: PageOptions): Page<Account>;
  update(
    viewer: Viewer,
    name: string,
    change: { readonly fullName?: string; readonly isAdmin?: boolean; readonly isDisabled?: boolean },
  ): Account;
  /** Ends every session of the account but the one that asks. */
  changePassword(
    viewer: Viewer,
    name: string,
    input: { readonly current?: string; readonly password: string; readonly keepSession?: string },
  ): Promise<void>;
}

/** Who signed in, and how far that reaches: a token may be allowed to read only. */
export interface Authenticated {
  readonly account: Account;
  readonly permission: Permission;
  /** the access token; `undefined` for a password, which alone may change passwords and tokens */
  readonly tokenId?: string | undefined;
}

export interface SessionService {
  /** @returns the cookie's value. */
  begin(account: Account): string;
  find(cookie: string): Account | undefined;
  end(cookie: string): void;
}

export interface AccessTokenService {
  list(viewer: Viewer): readonly AccessToken[];
  /** @returns the secret too, this once. */
  create(
    viewer: Viewer,
    input: { readonly label: string; readonly permission: Permission; readonly expiresAt?: number },
  ): { readonly token: AccessToken; readonly secret: string };
  /** Gives it another label. */
  rename(viewer: Viewer, id: string, label: string): AccessToken;
  revoke(viewer: Viewer, id: string): void;
}

export interface OrganizationService {
  /** Those the viewer belongs to. */
  mine(viewer: Viewer): readonly (Organization & { readonly role: OrganizationRole })[];
  find(name: string): Organization | undefined;
  create(viewer: Viewer, input: { readonly name: string; readonly fullName?: string }): Organization;
  members(
    viewer: Viewer,
    organization: string,
  ): readonly { readonly account: string; readonly role: OrganizationRole }[];
  setMember(viewer: Viewer, organization: string, account: string, role: OrganizationRole): void;
  removeMember(viewer: Viewer, organization: string, account: string): void;
  teams(viewer: Viewer, organization: string): readonly Team[];
  createTeam(
    viewer: Viewer,
    organization: string,
    input: { readonly name: string; readonly description?: string },
  ): Team;
  removeTeam(viewer: Viewer, organization: string, team: string): void;
  setTeamMembers(viewer: Viewer, organization: string, team: string, members: readonly string[]): void;
  /** Only an empty one: without repositories. */
  remove(viewer: Viewer, organization: string): void;
}

export type RepositoryOrder = 'pulls' | 'stars' | 'pushed' | 'name';

export interface RepositoryQuery extends PageOptions {
  /** words that name or description hold; best matches first */
  readonly text?: string;
  readonly namespace?: string;
  readonly isOfficial?: boolean;
  readonly category?: string;
  readonly minStars?: number;
  readonly order?: RepositoryOrder;
}

export interface HubRepositoryService {
  /** What the viewer may see. */
  search(viewer: Viewer, query: RepositoryQuery): Page<HubRepository>;
  /** @throws {EngineError} `notFound` also for a private one the viewer may not see. */
  get(viewer: Viewer, name: string): HubRepository;
  tags(viewer: Viewer, name: string): readonly TagRecord[];
  create(
    viewer: Viewer,
    input: { readonly name: string; readonly description?: string; readonly isPrivate?: boolean },
  ): HubRepository;
  update(
    viewer: Viewer,
    name: string,
    change: {
      readonly description?: string;
      readonly overview?: string;
      readonly category?: string;
      readonly isPrivate?: boolean;
    },
  ): HubRepository;
  removeTag(viewer: Viewer, name: string, tag: string): void;
  remove(viewer: Viewer, name: string): void;
  star(viewer: Viewer, name: string, options: { readonly isStarred: boolean }): HubRepository;
  isStarred(viewer: Viewer, name: string): boolean;
  /** The most the viewer may do there; `undefined` for nothing. */
  permission(viewer: Viewer, name: string): Permission | undefined;
  /** Accounts (`name`) and teams (`organization/team`) with rights of their own there. */
  collaborators(
    viewer: Viewer,
    name: string,
  ): readonly { readonly who: string; readonly permission: Permission }[];
  /** `undefined` takes the right away. */
  setCollaborator(viewer: Viewer, name: string, who: string, permission: Permission | undefined): void;
  /** Namespaces in which the viewer may make repositories, the own one first. */
  namespaces(viewer: Viewer): readonly string[];
  /** Whether what is pushed to a new name there becomes a private repository. */
  isPrivateByDefault(viewer: Viewer, namespace: string): boolean;
  setPrivateByDefault(viewer: Viewer, namespace: string, options: { readonly isPrivate: boolean }): void;
  /** The newest first, of what the viewer has rights in. */
  activity(viewer: Viewer, options?: { readonly limit?: number }): readonly Activity[];
}

export interface WebhookService {
  list(viewer: Viewer, repository: string): readonly Webhook[];
  /** @returns what its deliveries are signed with too, this once. */
  create(
    viewer: Viewer,
    repository: string,
    input: { readonly name: string; readonly url: string },
  ): Webhook & { readonly secret: string };
  remove(viewer: Viewer, repository: string, id: string): void;
}

/** All of the hub's services, as pages and the JSON API take them (each with `Pick`). */
export interface HubServices {
  readonly accounts: AccountService;
  readonly sessions: SessionService;
  readonly accessTokens: AccessTokenService;
  readonly organizations: OrganizationService;
  readonly repositories: HubRepositoryService;
  readonly webhooks: WebhookService;
}
