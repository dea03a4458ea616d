import type { Migration } from '#store/database';
import { accountMigrations } from './account-table.ts';
import { activityMigrations } from './activity-table.ts';
import { organizationMigrations } from './organization-table.ts';
import { repositoryMigrations } from './repository-table.ts';
import { tokenMigrations } from './token-table.ts';
import { webhookMigrations } from './webhook-table.ts';

/** All tables of the hub, in the order in which they refer to each other. */
export const hubMigrations: readonly Migration[] = [
  ...accountMigrations,
  ...tokenMigrations,
  ...organizationMigrations,
  ...repositoryMigrations,
  ...activityMigrations,
  ...webhookMigrations,
];
