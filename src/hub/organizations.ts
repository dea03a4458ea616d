import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import type { AccountTable } from './account-table.ts';
import type { ActivityTable } from './activity-table.ts';
import {
  accountNotFound,
  conflict,
  forbidden,
  invalid,
  organizationNotFound,
  teamNotFound,
} from './errors.ts';
import type { Account, Organization, OrganizationRole, Team } from './hub-records.ts';
import type { OrganizationService, Viewer } from './hub-services.ts';
import { checkNamespaceName } from './namespace-name.ts';
import type { Member, OrganizationTable } from './organization-table.ts';
import type { RepositoryTable } from './repository-table.ts';
import type { Rights } from './rights.ts';
import { singleLine } from './single-line.ts';

export interface OrganizationsDeps {
  readonly db: Database;
  readonly accounts: AccountTable;
  readonly organizations: OrganizationTable;
  readonly repositories: RepositoryTable;
  readonly activity: ActivityTable;
  readonly rights: Rights;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
}

const MOST_PER_ACCOUNT = 100;
const MOST_TEAMS = 200;
const MOST_MEMBERS = 5000;
const MAX_TEXT = 100;
const TEAM = /^[a-z0-9]+(?:[-_][a-z0-9]+)*$/;
const MAX_TEAM_NAME = 30;

/** Organizations: the owners do everything, members see who else is there. */
export class Organizations implements OrganizationService {
  readonly #deps: OrganizationsDeps;

  constructor(deps: OrganizationsDeps) {
    this.#deps = deps;
  }

  mine(viewer: Viewer): readonly (Organization & { readonly role: OrganizationRole })[] {
    const account = this.#deps.rights.required(viewer, 'see your organizations');
    return this.#deps.organizations.listOf(account.name);
  }

  find(name: string): Organization | undefined {
    return this.#deps.organizations.find(name);
  }

  create(viewer: Viewer, input: { readonly name: string; readonly fullName?: string }): Organization {
    const { rights, accounts, organizations, db, now, logger } = this.#deps;
    const by = rights.required(viewer, 'make an organization');
    checkNamespaceName(input.name);
    const fullName = singleLine('name', input.fullName ?? '', MAX_TEXT);
    if (!by.isAdmin && organizations.listOf(by.name).length >= MOST_PER_ACCOUNT) {
      throw conflict(`an account may be in ${MOST_PER_ACCOUNT} organizations`);
    }
    const organization: Organization = { name: input.name, fullName, createdAt: now() };
    db.transaction(() => {
      if (accounts.namespaceType(input.name) !== undefined) throw conflict(`the name ${input.name} is taken`);
      accounts.insertNamespace(organization.name, 'organization', fullName, organization.createdAt);
      organizations.setMember(organization.name, by.name, 'owner');
    });
    logger.info('organization made', { organization: organization.name, by: by.name });
    return organization;
  }

  members(viewer: Viewer, organization: string): readonly Member[] {
    this.#requireMember(viewer, organization, 'see who is in an organization');
    return this.#deps.organizations.members(organization);
  }

  setMember(viewer: Viewer, organization: string, account: string, role: OrganizationRole): void {
    const { accounts, organizations, db, logger } = this.#deps;
    const by = this.#requireOwner(viewer, organization);
    const found = accounts.find(account);
    if (!found || found.isDisabled) throw accountNotFound(account);
    const isNew = organizations.role(organization, account) === undefined;
    if (isNew && organizations.members(organization).length >= MOST_MEMBERS) {
      throw conflict(`an organization may have ${MOST_MEMBERS} members`);
    }
    db.transaction(() => {
      organizations.setMember(organization, account, role);
      this.#requireAnOwner(organization);
    });
    logger.info('member of organization set', { organization, account, role, by: by.name });
  }

  removeMember(viewer: Viewer, organization: string, account: string): void {
    const { organizations, db, logger } = this.#deps;
    // Everybody may leave.
    const by =
      viewer?.name === account
        ? this.#requireMember(viewer, organization, 'leave an organization')
        : this.#requireOwner(viewer, organization);
    if (organizations.role(organization, account) === undefined) throw accountNotFound(account);
    db.transaction(() => {
      organizations.deleteMember(organization, account);
      this.#requireAnOwner(organization);
    });
    logger.info('member of organization removed', { organization, account, by: by.name });
  }

  teams(viewer: Viewer, organization: string): readonly Team[] {
    this.#requireMember(viewer, organization, 'see the teams of an organization');
    return this.#deps.organizations.teams(organization);
  }

  createTeam(
    viewer: Viewer,
    organization: string,
    input: { readonly name: string; readonly description?: string },
  ): Team {
    const { organizations } = this.#deps;
    this.#requireOwner(viewer, organization);
    const { name } = input;
    if (!TEAM.test(name) || name.length > MAX_TEAM_NAME) {
      const shown = name.slice(0, MAX_TEAM_NAME);
      throw invalid(
        `the team "${shown}" may have up to ${MAX_TEAM_NAME} lower-case letters and digits, with hyphens or underscores between them`,
      );
    }
    const description = singleLine('description', input.description ?? '', MAX_TEXT);
    if (organizations.hasTeam(organization, name))
      throw conflict(`the team ${organization}/${name} is there already`);
    if (organizations.teams(organization).length >= MOST_TEAMS) {
      throw conflict(`an organization may have ${MOST_TEAMS} teams`);
    }
    organizations.insertTeam(organization, name, description);
    return { organization, name, description, members: [] };
  }

  removeTeam(viewer: Viewer, organization: string, team: string): void {
    this.#requireTeam(viewer, organization, team);
    this.#deps.organizations.deleteTeam(organization, team);
  }

  setTeamMembers(viewer: Viewer, organization: string, team: string, members: readonly string[]): void {
    const { organizations, logger } = this.#deps;
    const by = this.#requireTeam(viewer, organization, team);
    const wanted = [...new Set(members)];
    for (const account of wanted) {
      if (organizations.role(organization, account) === undefined) {
        throw invalid(
          `${account.slice(0, MAX_TEXT)} is not a member of ${organization}; add the account to it first`,
        );
      }
    }
    organizations.setTeamMembers(organization, team, wanted);
    logger.info('members of team set', { organization, team, members: wanted.length, by: by.name });
  }

  remove(viewer: Viewer, organization: string): void {
    const { organizations, repositories, db, logger } = this.#deps;
    const by = this.#requireOwner(viewer, organization);
    db.transaction(() => {
      if (repositories.hasAnyIn(organization)) {
        throw conflict(`the organization ${organization} still has repositories; remove those first`);
      }
      organizations.delete(organization);
      this.#deps.activity.deleteOf(organization);
    });
    logger.info('organization removed', { organization, by: by.name });
  }

  #requireAnOwner(organization: string): void {
    if (this.#deps.organizations.countOwners(organization) > 0) return;
    throw conflict(
      `the organization ${organization} would be left without an owner; make somebody else one first`,
    );
  }

  #requireTeam(viewer: Viewer, organization: string, team: string): Account {
    const by = this.#requireOwner(viewer, organization);
    if (!this.#deps.organizations.hasTeam(organization, team)) throw teamNotFound(organization, team);
    return by;
  }

  #requireOwner(viewer: Viewer, organization: string): Account {
    const account = this.#requireMember(viewer, organization, 'change an organization');
    if (account.isAdmin || this.#deps.organizations.role(organization, account.name) === 'owner')
      return account;
    throw forbidden(`${account.name} is not an owner of the organization ${organization}; ask one of them`);
  }

  #requireMember(viewer: Viewer, organization: string, what: string): Account {
    const account = this.#deps.rights.required(viewer, what);
    if (!this.#deps.organizations.find(organization)) throw organizationNotFound(organization);
    if (account.isAdmin || this.#deps.organizations.role(organization, account.name) !== undefined)
      return account;
    throw forbidden(`${account.name} is not a member of the organization ${organization}`);
  }
}
