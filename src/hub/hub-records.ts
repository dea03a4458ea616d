/** A person or a program that signs in. Times are milliseconds since 1970. */
export interface Account {
  /** also a namespace; see `namespace-name.ts` */
  readonly name: string;
  readonly fullName: string;
  readonly isAdmin: boolean;
  readonly isDisabled: boolean;
  readonly createdAt: number;
}

/** Several accounts with one namespace. Its owners may do everything; what others may is said by teams. */
export interface Organization {
  readonly name: string;
  readonly fullName: string;
  readonly createdAt: number;
}

export type OrganizationRole = 'owner' | 'member';
/** What a team or a collaborator may do in a repository; each includes the one before. */
export type Permission = 'read' | 'write' | 'admin';

export interface Team {
  readonly organization: string;
  readonly name: string;
  readonly description: string;
  readonly members: readonly string[];
}

/** What the hub knows of a repository beyond what the registry does. */
export interface HubRepository {
  /** with its namespace: `library/nginx` */
  readonly name: string;
  readonly namespace: string;
  /** one line */
  readonly description: string;
  /** Markdown, as its owner wrote it: hostile until rendered */
  readonly overview: string;
  /** of `CATEGORIES` */
  readonly category: string | undefined;
  readonly isPrivate: boolean;
  /** whether it is in the namespace `library`, which the administrators keep */
  readonly isOfficial: boolean;
  readonly stars: number;
  readonly pulls: number;
  readonly createdAt: number;
  readonly pushedAt: number | undefined;
  readonly sizeBytes: number;
}

/** What stands for a password in a program: shown once, stored as a hash. */
export interface AccessToken {
  readonly id: string;
  readonly label: string;
  readonly permission: Permission;
  readonly createdAt: number;
  readonly usedAt: number | undefined;
  readonly expiresAt: number | undefined;
}

export interface Webhook {
  readonly id: string;
  readonly repository: string;
  readonly name: string;
  readonly url: string;
  readonly createdAt: number;
  readonly lastStatus: string | undefined;
}

/** Something that happened, for the dashboard. */
export interface Activity {
  readonly at: number;
  readonly account: string | undefined;
  readonly type: 'push' | 'delete' | 'create';
  readonly repository: string;
  readonly tag: string | undefined;
}
