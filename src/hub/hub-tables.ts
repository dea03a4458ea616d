import type { Database } from '#store/database';
import { AccountTable } from './account-table.ts';
import { ActivityTable } from './activity-table.ts';
import { OrganizationTable } from './organization-table.ts';
import { RepositoryTable } from './repository-table.ts';
import { SessionTable } from './session-table.ts';
import { TokenTable } from './token-table.ts';
import { WebhookTable } from './webhook-table.ts';

export interface HubTables {
  readonly accounts: AccountTable;
  readonly sessions: SessionTable;
  readonly tokens: TokenTable;
  readonly organizations: OrganizationTable;
  readonly repositories: RepositoryTable;
  readonly activity: ActivityTable;
  readonly webhooks: WebhookTable;
}

export function hubTables(db: Database): HubTables {
  return {
    accounts: new AccountTable(db),
    sessions: new SessionTable(db),
    tokens: new TokenTable(db),
    organizations: new OrganizationTable(db),
    repositories: new RepositoryTable(db),
    activity: new ActivityTable(db),
    webhooks: new WebhookTable(db),
  };
}
