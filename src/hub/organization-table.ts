import type { Database, Migration, Row } from '#store/database';
import type { Organization, OrganizationRole, Team } from './hub-records.ts';

export const organizationMigrations: readonly Migration[] = [
  {
    name: 'hub/3-organizations',
    sql: `
      CREATE TABLE hub_members (
        organization TEXT NOT NULL REFERENCES hub_namespaces (name),
        account TEXT NOT NULL REFERENCES hub_accounts (name),
        role TEXT NOT NULL,
        PRIMARY KEY (organization, account)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_members_by_account ON hub_members (account);
      CREATE TABLE hub_teams (
        organization TEXT NOT NULL REFERENCES hub_namespaces (name),
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        PRIMARY KEY (organization, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE hub_team_members (
        organization TEXT NOT NULL,
        team TEXT NOT NULL,
        account TEXT NOT NULL,
        PRIMARY KEY (organization, team, account),
        FOREIGN KEY (organization, team) REFERENCES hub_teams (organization, name) ON DELETE CASCADE,
        FOREIGN KEY (organization, account) REFERENCES hub_members (organization, account) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_team_members_by_account ON hub_team_members (account, organization)`,
  },
];

export interface Member {
  readonly account: string;
  readonly role: OrganizationRole;
}

/** Rows of organizations, their members and teams. */
export class OrganizationTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): Organization | undefined {
    const row = this.#db.get("SELECT * FROM hub_namespaces WHERE name = ? AND type = 'organization'", name);
    return row && toOrganization(row);
  }

  /** By name. */
  listOf(account: string): (Organization & { readonly role: OrganizationRole })[] {
    return this.#db
      .all(
        `SELECT n.name, n.full_name, n.created_at, m.role FROM hub_members AS m
           JOIN hub_namespaces AS n ON n.name = m.organization WHERE m.account = ? ORDER BY n.name`,
        account,
      )
      .map(row => ({ ...toOrganization(row), role: toRole(row['role']) }));
  }

  /** With its members and teams. Part of the caller's transaction. */
  delete(name: string): void {
    this.#db.run('DELETE FROM hub_teams WHERE organization = ?', name);
    this.#db.run('DELETE FROM hub_members WHERE organization = ?', name);
    this.#db.run("DELETE FROM hub_namespaces WHERE name = ? AND type = 'organization'", name);
  }

  role(organization: string, account: string): OrganizationRole | undefined {
    const row = this.#db.get(
      'SELECT role FROM hub_members WHERE organization = ? AND account = ?',
      organization,
      account,
    );
    return row && toRole(row['role']);
  }

  /** Owners first, then by name. */
  members(organization: string): Member[] {
    return this.#db
      .all(
        "SELECT account, role FROM hub_members WHERE organization = ? ORDER BY role <> 'owner', account",
        organization,
      )
      .map(row => ({ account: String(row['account']), role: toRole(row['role']) }));
  }

  countOwners(organization: string): number {
    const row = this.#db.get(
      "SELECT count(*) AS n FROM hub_members WHERE organization = ? AND role = 'owner'",
      organization,
    );
    return Number(row?.['n']);
  }

  setMember(organization: string, account: string, role: OrganizationRole): void {
    this.#db.run(
      `INSERT INTO hub_members (organization, account, role) VALUES (?, ?, ?)
         ON CONFLICT (organization, account) DO UPDATE SET role = excluded.role`,
      organization,
      account,
      role,
    );
  }

  /** Out of all teams too. */
  deleteMember(organization: string, account: string): void {
    this.#db.run('DELETE FROM hub_members WHERE organization = ? AND account = ?', organization, account);
  }

  /** By name. */
  teams(organization: string): Team[] {
    const members = new Map<string, string[]>();
    for (const row of this.#db.all(
      'SELECT team, account FROM hub_team_members WHERE organization = ? ORDER BY account',
      organization,
    )) {
      const team = String(row['team']);
      const accounts = members.get(team) ?? [];
      accounts.push(String(row['account']));
      members.set(team, accounts);
    }
    return this.#db
      .all('SELECT name, description FROM hub_teams WHERE organization = ? ORDER BY name', organization)
      .map(row => ({
        organization,
        name: String(row['name']),
        description: String(row['description']),
        members: members.get(String(row['name'])) ?? [],
      }));
  }

  hasTeam(organization: string, team: string): boolean {
    const sql = 'SELECT 1 FROM hub_teams WHERE organization = ? AND name = ?';
    return this.#db.get(sql, organization, team) !== undefined;
  }

  insertTeam(organization: string, team: string, description: string): void {
    this.#db.run(
      'INSERT INTO hub_teams (organization, name, description) VALUES (?, ?, ?)',
      organization,
      team,
      description,
    );
  }

  deleteTeam(organization: string, team: string): void {
    this.#db.run('DELETE FROM hub_teams WHERE organization = ? AND name = ?', organization, team);
  }

  setTeamMembers(organization: string, team: string, accounts: readonly string[]): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM hub_team_members WHERE organization = ? AND team = ?', organization, team);
      for (const account of accounts) {
        this.#db.run(
          'INSERT OR IGNORE INTO hub_team_members (organization, team, account) VALUES (?, ?, ?)',
          organization,
          team,
          account,
        );
      }
    });
  }
}

function toRole(value: unknown): OrganizationRole {
  return value === 'owner' ? 'owner' : 'member';
}

function toOrganization(row: Row): Organization {
  return {
    name: String(row['name']),
    fullName: String(row['full_name']),
    createdAt: Number(row['created_at']),
  };
}
