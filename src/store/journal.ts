import type { Database, Migration } from './database.ts';

export const journalMigrations: readonly Migration[] = [
  {
    name: 'store/1-journal',
    sql: `CREATE TABLE journal (
      id INTEGER PRIMARY KEY,
      operation TEXT NOT NULL,
      subject TEXT NOT NULL,
      data TEXT NOT NULL,
      begun_at INTEGER NOT NULL
    ) STRICT`,
  },
];

/** An operation that was begun and not ended: after a crash, its subject may be half-made. */
export interface OpenOperation {
  readonly id: number;
  readonly operation: string;
  readonly subject: string;
  /** What undo or redo needs and cannot derive from the subject; JSON. */
  readonly data: unknown;
}

/**
 * Intent log of multi-step operations. A row is written before the first effect and deleted after the last;
 * what is left at start-up is undone or redone by the service that wrote it.
 */
export class Journal {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  begin(operation: string, subject: string, data: unknown = null): { readonly id: number; end(): void } {
    const row = this.#db.get(
      'INSERT INTO journal (operation, subject, data, begun_at) VALUES (?, ?, ?, ?) RETURNING id',
      operation,
      subject,
      JSON.stringify(data),
      Date.now(),
    );
    const id = Number(row?.['id']);
    return { id, end: () => this.end(id) };
  }

  end(id: number): void {
    this.#db.run('DELETE FROM journal WHERE id = ?', id);
  }

  /** All of a kind for one subject. */
  endAll(operation: string, subject: string): void {
    this.#db.run('DELETE FROM journal WHERE operation = ? AND subject = ?', operation, subject);
  }

  /** In the order they were begun. */
  open(): OpenOperation[] {
    return this.#db.all('SELECT id, operation, subject, data FROM journal ORDER BY id').map(row => ({
      id: Number(row['id']),
      operation: String(row['operation']),
      subject: String(row['subject']),
      data: JSON.parse(String(row['data'])) as unknown,
    }));
  }
}
