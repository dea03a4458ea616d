import type { Database, Migration } from '#store/database';
import type { Activity } from './hub-records.ts';

export const activityMigrations: readonly Migration[] = [
  {
    name: 'hub/5-activity',
    sql: `
      CREATE TABLE hub_activity (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        account TEXT,
        type TEXT NOT NULL,
        repository TEXT NOT NULL,
        tag TEXT
      ) STRICT;
      CREATE INDEX hub_activity_by_repository ON hub_activity (repository, id)`,
  },
];

/** So many are kept, of all repositories together. */
const MOST_ROWS = 20_000;
const TRIM_EVERY = 100;

/** What happened, for dashboards. */
export class ActivityTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  insert({ at, account, type, repository, tag }: Activity): void {
    const row = this.#db.get(
      'INSERT INTO hub_activity (at, account, type, repository, tag) VALUES (?, ?, ?, ?, ?) RETURNING id',
      at,
      account ?? null,
      type,
      repository,
      tag ?? null,
    );
    const id = Number(row?.['id']);
    if (id % TRIM_EVERY === 0) this.#db.run('DELETE FROM hub_activity WHERE id <= ?', id - MOST_ROWS);
  }

  /** Whoever has the name next has nothing to do with it. */
  deleteOf(namespace: string): void {
    const first = "substr(repository, 1, instr(repository, '/') - 1)";
    this.#db.run(`DELETE FROM hub_activity WHERE ${first} = ?`, namespace);
  }

  /**
   * The newest first, of what an account has rights in: its own namespace, those it owns, and what was shared with it. Of what has
   * been removed since, only in those namespaces.
   */
  listFor(
    account: string,
    { limit, namespaces }: { readonly limit: number; readonly namespaces: readonly string[] },
  ): Activity[] {
    return this.#db
      .all(
        `SELECT a.* FROM hub_activity AS a WHERE
           substr(a.repository, 1, instr(a.repository, '/') - 1) IN (SELECT value FROM json_each(?1))
           OR a.repository IN (
             SELECT r.name FROM hub_collaborators AS c JOIN hub_repositories AS r ON r.id = c.repository
               WHERE c.account = ?2
             UNION ALL
             SELECT r.name FROM hub_team_rights AS t JOIN hub_repositories AS r ON r.id = t.repository
               JOIN hub_team_members AS m ON m.organization = t.organization AND m.team = t.team
               WHERE m.account = ?2)
         ORDER BY a.id DESC LIMIT ?3`,
        JSON.stringify(namespaces),
        account,
        limit,
      )
      .map(row => ({
        at: Number(row['at']),
        account: row['account'] === null ? undefined : String(row['account']),
        type: toType(row['type']),
        repository: String(row['repository']),
        tag: row['tag'] === null ? undefined : String(row['tag']),
      }));
  }
}

function toType(value: unknown): Activity['type'] {
  return value === 'delete' || value === 'create' ? value : 'push';
}
