import type { Database, Migration, Parameter, Row } from '#store/database';
import type { HubRepository, Permission } from './hub-records.ts';
import type { RepositoryOrder } from './hub-services.ts';
import { OFFICIAL } from './namespace-name.ts';
import { toPermission } from './token-table.ts';

export const repositoryMigrations: readonly Migration[] = [
  {
    name: 'hub/4-repositories',
    sql: `
      CREATE TABLE hub_repositories (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        namespace TEXT NOT NULL,
        description TEXT NOT NULL,
        overview TEXT NOT NULL,
        category TEXT,
        is_private INTEGER NOT NULL,
        stars INTEGER NOT NULL DEFAULT 0,
        pulls INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        pushed_at INTEGER,
        size_bytes INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE INDEX hub_repositories_by_namespace ON hub_repositories (namespace, name);
      CREATE TABLE hub_stars (
        repository INTEGER NOT NULL REFERENCES hub_repositories (id) ON DELETE CASCADE,
        account TEXT NOT NULL REFERENCES hub_accounts (name),
        PRIMARY KEY (repository, account)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE hub_collaborators (
        repository INTEGER NOT NULL REFERENCES hub_repositories (id) ON DELETE CASCADE,
        account TEXT NOT NULL REFERENCES hub_accounts (name),
        permission TEXT NOT NULL,
        PRIMARY KEY (repository, account)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_collaborators_by_account ON hub_collaborators (account);
      CREATE TABLE hub_team_rights (
        repository INTEGER NOT NULL REFERENCES hub_repositories (id) ON DELETE CASCADE,
        organization TEXT NOT NULL,
        team TEXT NOT NULL,
        permission TEXT NOT NULL,
        PRIMARY KEY (repository, organization, team),
        FOREIGN KEY (organization, team) REFERENCES hub_teams (organization, name) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_team_rights_by_team ON hub_team_rights (organization, team);
      CREATE VIRTUAL TABLE hub_search USING fts5 (
        name, description, prefix = '1 2 3 4', tokenize = 'unicode61 remove_diacritics 2'
      )`,
  },
];

/** Whose eyes a list is for. */
export interface Eyes {
  /** `undefined`: nobody in particular */
  readonly account: string | undefined;
  /** sees everything */
  readonly isAdmin: boolean;
}

export interface RepositoryFilter {
  /** of `search-words.ts` */
  readonly match?: string | undefined;
  /** what was asked for, as it would be the name */
  readonly exact?: string | undefined;
  readonly namespace?: string | undefined;
  readonly isOfficial?: boolean | undefined;
  readonly category?: string | undefined;
  readonly minStars?: number | undefined;
  readonly order: RepositoryOrder | 'match';
  readonly limit: number;
  readonly offset: number;
}

/** What the registry counts. */
export interface Counted {
  readonly pulls: number;
  readonly pushedAt: number | undefined;
  readonly sizeBytes: number;
}

export type NewRepository = Pick<
  HubRepository,
  'name' | 'namespace' | 'description' | 'isPrivate' | 'createdAt'
>;

/** What an account has rights in of its own: by its name, as an owner, as a collaborator, through a team. */
const OWN = `(r.namespace = :account
  OR r.namespace IN (SELECT organization FROM hub_members WHERE account = :account AND role = 'owner')
  OR r.id IN (SELECT repository FROM hub_collaborators WHERE account = :account)
  OR r.id IN (SELECT t.repository FROM hub_team_rights AS t
    JOIN hub_team_members AS m ON m.organization = t.organization AND m.team = t.team WHERE m.account = :account))`;

const ORDERS: Readonly<Record<RepositoryFilter['order'], string>> = {
  match: `r.name IN (:exact, '${OFFICIAL}/' || :exact) DESC, r.namespace = '${OFFICIAL}' DESC,
    instr(r.name, :exact) > 0 DESC, r.stars DESC, r.pulls DESC, r.name`,
  pulls: 'r.pulls DESC, r.name',
  stars: 'r.stars DESC, r.name',
  pushed: 'r.pushed_at DESC NULLS LAST, r.name',
  name: 'r.name',
};

/** Rows of repositories, of who starred them and who has rights there; and the index that they are found by. */
export class RepositoryTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): HubRepository | undefined {
    const row = this.#db.get('SELECT * FROM hub_repositories WHERE name = ?', name);
    return row && toRepository(row);
  }

  names(): string[] {
    return this.#db.all('SELECT name FROM hub_repositories').map(row => String(row['name']));
  }

  hasAnyIn(namespace: string): boolean {
    const sql = 'SELECT 1 FROM hub_repositories WHERE namespace = ? LIMIT 1';
    return this.#db.get(sql, namespace) !== undefined;
  }

  /** Of those that `eyes` may see, a part, and how many there are. */
  search(eyes: Eyes, filter: RepositoryFilter): { readonly items: HubRepository[]; readonly total: number } {
    const { where, parameters } = conditions(eyes, filter);
    const from = `hub_repositories AS r WHERE ${where}`;
    const total = Number(this.#db.get(`SELECT count(*) AS n FROM ${from}`, ...parameters)?.['n']);
    const { sql: order, parameters: more } = bind(ORDERS[filter.order], { exact: filter.exact ?? '' });
    const rows = this.#db.all(
      `SELECT * FROM ${from} ORDER BY ${order} LIMIT ? OFFSET ?`,
      ...parameters,
      ...more,
      filter.limit,
      filter.offset,
    );
    return { items: rows.map(toRepository), total };
  }

  insert({ name, namespace, description, isPrivate, createdAt }: NewRepository): void {
    this.#db.transaction(() => {
      const row = this.#db.get(
        `INSERT INTO hub_repositories (name, namespace, description, overview, is_private, created_at)
           VALUES (?, ?, ?, '', ?, ?) RETURNING id`,
        name,
        namespace,
        description,
        isPrivate ? 1 : 0,
        createdAt,
      );
      this.#db.run(
        'INSERT INTO hub_search (rowid, name, description) VALUES (?, ?, ?)',
        Number(row?.['id']),
        name,
        description,
      );
    });
  }

  update({ name, description, overview, category, isPrivate }: HubRepository): void {
    this.#db.transaction(() => {
      this.#db.run(
        `UPDATE hub_repositories SET description = ?, overview = ?, category = ?, is_private = ? WHERE name = ?`,
        description,
        overview,
        category ?? null,
        isPrivate ? 1 : 0,
        name,
      );
      this.#db.run(
        'UPDATE hub_search SET description = ? WHERE rowid = (SELECT id FROM hub_repositories WHERE name = ?)',
        description,
        name,
      );
    });
  }

  setCounted(name: string, { pulls, pushedAt, sizeBytes }: Counted): void {
    this.#db.run(
      'UPDATE hub_repositories SET pulls = ?, pushed_at = ?, size_bytes = ? WHERE name = ?',
      pulls,
      pushedAt ?? null,
      sizeBytes,
      name,
    );
  }

  delete(name: string): void {
    this.#db.transaction(() => {
      this.#db.run(
        'DELETE FROM hub_search WHERE rowid = (SELECT id FROM hub_repositories WHERE name = ?)',
        name,
      );
      this.#db.run('DELETE FROM hub_repositories WHERE name = ?', name);
    });
  }

  isStarred(name: string, account: string): boolean {
    const sql = `SELECT 1 FROM hub_stars WHERE account = ?
      AND repository = (SELECT id FROM hub_repositories WHERE name = ?)`;
    return this.#db.get(sql, account, name) !== undefined;
  }

  setStarred(name: string, account: string, isStarred: boolean): void {
    const change = isStarred
      ? `INSERT OR IGNORE INTO hub_stars (account, repository)
           SELECT ?, id FROM hub_repositories WHERE name = ?`
      : `DELETE FROM hub_stars WHERE account = ?
           AND repository = (SELECT id FROM hub_repositories WHERE name = ?)`;
    this.#db.transaction(() => {
      this.#db.run(change, account, name);
      this.#db.run(
        `UPDATE hub_repositories SET stars = (SELECT count(*) FROM hub_stars WHERE repository = id) WHERE name = ?`,
        name,
      );
    });
  }

  /** The rights that were given to an account there: to itself, and through its teams. */
  granted(name: string, account: string): Permission[] {
    return this.#db
      .all(
        `SELECT c.permission FROM hub_collaborators AS c JOIN hub_repositories AS r ON r.id = c.repository
           WHERE r.name = ?1 AND c.account = ?2
         UNION ALL
         SELECT t.permission FROM hub_team_rights AS t JOIN hub_repositories AS r ON r.id = t.repository
           JOIN hub_team_members AS m ON m.organization = t.organization AND m.team = t.team
           WHERE r.name = ?1 AND m.account = ?2`,
        name,
        account,
      )
      .map(row => toPermission(row['permission']));
  }

  /** Accounts, then teams as `organization/team`. */
  collaborators(name: string): { readonly who: string; readonly permission: Permission }[] {
    return this.#db
      .all(
        `SELECT c.account AS who, c.permission, 1 AS part FROM hub_collaborators AS c
           JOIN hub_repositories AS r ON r.id = c.repository WHERE r.name = ?1
         UNION ALL
         SELECT t.organization || '/' || t.team, t.permission, 2 FROM hub_team_rights AS t
           JOIN hub_repositories AS r ON r.id = t.repository WHERE r.name = ?1
         ORDER BY part, who`,
        name,
      )
      .map(row => ({ who: String(row['who']), permission: toPermission(row['permission']) }));
  }

  setCollaborator(name: string, account: string, permission: Permission | undefined): void {
    if (permission === undefined) {
      this.#db.run(
        `DELETE FROM hub_collaborators WHERE account = ?
           AND repository = (SELECT id FROM hub_repositories WHERE name = ?)`,
        account,
        name,
      );
      return;
    }
    this.#db.run(
      `INSERT INTO hub_collaborators (account, permission, repository)
         SELECT ?, ?, id FROM hub_repositories WHERE name = ?
         ON CONFLICT (repository, account) DO UPDATE SET permission = excluded.permission`,
      account,
      permission,
      name,
    );
  }

  setTeamRight(
    name: string,
    { organization, team }: { readonly organization: string; readonly team: string },
    permission: Permission | undefined,
  ): void {
    if (permission === undefined) {
      this.#db.run(
        `DELETE FROM hub_team_rights WHERE organization = ? AND team = ?
           AND repository = (SELECT id FROM hub_repositories WHERE name = ?)`,
        organization,
        team,
        name,
      );
      return;
    }
    this.#db.run(
      `INSERT INTO hub_team_rights (organization, team, permission, repository)
         SELECT ?, ?, ?, id FROM hub_repositories WHERE name = ?
         ON CONFLICT (repository, organization, team) DO UPDATE SET permission = excluded.permission`,
      organization,
      team,
      permission,
      name,
    );
  }
}

/** What a list is cut down to. Rights are part of it, so that not even a count tells of what is hidden. */
function conditions(eyes: Eyes, filter: RepositoryFilter) {
  const parts: string[] = [];
  if (!eyes.isAdmin)
    parts.push(eyes.account === undefined ? 'r.is_private = 0' : `(r.is_private = 0 OR ${OWN})`);
  if (filter.match !== undefined) {
    parts.push('r.id IN (SELECT rowid FROM hub_search WHERE hub_search MATCH :match)');
  }
  if (filter.namespace !== undefined) parts.push('r.namespace = :namespace');
  if (filter.isOfficial !== undefined) {
    parts.push(`r.namespace ${filter.isOfficial ? '=' : '<>'} '${OFFICIAL}'`);
  }
  if (filter.category !== undefined) parts.push('r.category = :category');
  if (filter.minStars !== undefined) parts.push('r.stars >= :minStars');
  const values: Record<string, Parameter> = {
    account: eyes.account ?? '',
    match: filter.match ?? '',
    namespace: filter.namespace ?? '',
    category: filter.category ?? '',
    minStars: filter.minStars ?? 0,
  };
  const { sql, parameters } = bind(parts.join(' AND ') || '1', values);
  return { where: sql, parameters };
}

/** Names in SQL to places, in their order. The names are those of this file. */
function bind(sql: string, values: Readonly<Record<string, Parameter>>) {
  const parameters: Parameter[] = [];
  const bound = sql.replace(/:([a-zA-Z]+)/g, (_name, key: string) => {
    parameters.push(values[key] ?? null);
    return '?';
  });
  return { sql: bound, parameters };
}

function toRepository(row: Row): HubRepository {
  const namespace = String(row['namespace']);
  return {
    name: String(row['name']),
    namespace,
    description: String(row['description']),
    overview: String(row['overview']),
    category: row['category'] === null ? undefined : String(row['category']),
    isPrivate: row['is_private'] === 1,
    isOfficial: namespace === OFFICIAL,
    stars: Number(row['stars']),
    pulls: Number(row['pulls']),
    createdAt: Number(row['created_at']),
    pushedAt: row['pushed_at'] === null ? undefined : Number(row['pushed_at']),
    sizeBytes: Number(row['size_bytes']),
  };
}
