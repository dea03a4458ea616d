import type { Logger } from '#base/logger';
import type { HubServices } from '../hub-services.ts';

/** What the site is told by whoever serves it. */
export interface SiteOptions {
  /** as clients name the hub in `docker pull`: `hub.example.com`, `localhost:5000`; absent: as the browser named it */
  readonly host?: string;
  /** every visitor comes by `https`, whether TLS ends here or in front */
  readonly isSecure?: boolean;
  /** the address of a visitor is what the proxy in front says */
  readonly isBehindProxy?: boolean;
  /** whether anybody may make an account */
  readonly isSignUpOpen?: boolean;
  readonly logger: Logger;
  readonly now?: () => number;
}

export interface SiteDeps {
  readonly services: HubServices;
  readonly options: SiteOptions;
}
