import type { Database } from '#store/database';

export interface StoredUpload {
  readonly id: string;
  readonly repository: string;
  readonly account: string | undefined;
}

/** Uploads that have begun and not ended. */
export class UploadTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(id: string): StoredUpload | undefined {
    const row = this.#db.get('SELECT * FROM registry_uploads WHERE id = ?', id);
    if (!row) return undefined;
    const account = row['account'] ?? null;
    return {
      id,
      repository: String(row['repository']),
      account: account === null ? undefined : String(account),
    };
  }

  countOf(caller: string): number {
    const row = this.#db.get('SELECT COUNT(*) AS count FROM registry_uploads WHERE caller = ?', caller);
    return Number(row?.['count'] ?? 0);
  }

  /** @param caller who has it in the count of open uploads */
  add(
    { id, repository, account }: StoredUpload,
    { caller, now }: { readonly caller: string; readonly now: number },
  ): void {
    const sql =
      'INSERT INTO registry_uploads (id, repository, account, caller, touched_at) VALUES (?, ?, ?, ?, ?)';
    this.#db.run(sql, id, repository, account ?? null, caller, now);
  }

  touch(id: string, now: number): void {
    this.#db.run('UPDATE registry_uploads SET touched_at = ? WHERE id = ?', now, id);
  }

  delete(id: string): void {
    this.#db.run('DELETE FROM registry_uploads WHERE id = ?', id);
  }

  idsOf(repository: string): string[] {
    return this.#db
      .all('SELECT id FROM registry_uploads WHERE repository = ?', repository)
      .map(({ id }) => String(id));
  }

  /** Not touched since before `before`. */
  stale(before: number, limit: number): string[] {
    return this.#db
      .all('SELECT id FROM registry_uploads WHERE touched_at < ? ORDER BY touched_at LIMIT ?', before, limit)
      .map(({ id }) => String(id));
  }
}
