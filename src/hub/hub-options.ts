import type { Logger } from '#base/logger';
import type { RepositoryCatalog } from '#registry/repository-catalog';
import type { Database } from '#store/database';
import type { HashCost } from './password-hash.ts';
import type { AnonymousAccess } from './rights.ts';

export interface HubOptions {
  /** where clients reach the hub, without a slash at the end: `https://hub.example.com` */
  readonly publicUrl: string;
  /** what tokens are for, in the challenge; default: the host of `publicUrl` */
  readonly service?: string;
  /** whether anybody may make an account; default: administrators only */
  readonly isSignUpOpen?: boolean;
  /** default: `pull` */
  readonly anonymous?: AnonymousAccess;
  /** whether webhooks may lead to this machine and into private networks; default: no */
  readonly hasPrivateWebhooks?: boolean;
  /** whether the address of a client is the last one of `X-Forwarded-For`, which a proxy wrote; default: no */
  readonly isBehindProxy?: boolean;
  /** of passwords */
  readonly hashCost?: HashCost;
}

export interface HubDeps {
  /** shared with the registry */
  readonly db: Database;
  readonly catalog: RepositoryCatalog;
  /** a folder for the signing key and the set-up code, which only the server's user may read */
  readonly root: string;
  readonly logger: Logger;
  /** milliseconds since 1970; default: the clock */
  readonly now?: () => number;
  readonly options: HubOptions;
}
