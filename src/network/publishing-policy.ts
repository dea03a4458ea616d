import type { FirewallMode } from './firewall-chains.ts';

/** What the administrator decided about published ports. */
export interface PublishingPolicy {
  /** address for ports that name none, on networks that say nothing either; {@link EVERYWHERE} is both families */
  readonly defaultHostIp: string;
  /** `host`: the host's own input rules judge what comes from outside */
  readonly firewall: FirewallMode;
}

/** Docker's own default, and it publishes on :: as well then. */
export const EVERYWHERE = '0.0.0.0';

export const OPEN_POLICY: PublishingPolicy = { defaultHostIp: EVERYWHERE, firewall: 'quai' };
