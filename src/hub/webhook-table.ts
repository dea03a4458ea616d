import type { Database, Migration, Row } from '#store/database';
import type { Webhook } from './hub-records.ts';

export const webhookMigrations: readonly Migration[] = [
  {
    name: 'hub/6-webhooks',
    sql: `
      CREATE TABLE hub_webhooks (
        id TEXT PRIMARY KEY,
        repository INTEGER NOT NULL REFERENCES hub_repositories (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        url TEXT NOT NULL,
        secret TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        last_status TEXT,
        UNIQUE (repository, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE hub_deliveries (
        id INTEGER PRIMARY KEY,
        webhook TEXT NOT NULL REFERENCES hub_webhooks (id) ON DELETE CASCADE,
        body TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX hub_deliveries_by_due ON hub_deliveries (due_at);
      CREATE INDEX hub_deliveries_by_webhook ON hub_deliveries (webhook)`,
  },
];

export type SecretWebhook = Webhook & { readonly secret: string };

export interface Delivery {
  readonly id: number;
  readonly webhook: string;
  readonly url: string;
  readonly secret: string;
  readonly body: string;
  /** those that failed */
  readonly attempts: number;
}

const WEBHOOKS = 'hub_webhooks AS w JOIN hub_repositories AS r ON r.id = w.repository';
const COLUMNS = 'w.id, r.name AS repository, w.name, w.url, w.secret, w.created_at, w.last_status';

/** Rows of webhooks, and of what has still to be sent to them. */
export class WebhookTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** By name. */
  listOf(repository: string): SecretWebhook[] {
    return this.#db
      .all(`SELECT ${COLUMNS} FROM ${WEBHOOKS} WHERE r.name = ? ORDER BY w.name`, repository)
      .map(toWebhook);
  }

  insert({ id, repository, name, url, secret, createdAt }: SecretWebhook): void {
    this.#db.run(
      `INSERT INTO hub_webhooks (id, repository, name, url, secret, created_at)
         SELECT ?, r.id, ?, ?, ?, ? FROM hub_repositories AS r WHERE r.name = ?`,
      id,
      name,
      url,
      secret,
      createdAt,
      repository,
    );
  }

  setStatus(id: string, status: string): void {
    this.#db.run('UPDATE hub_webhooks SET last_status = ? WHERE id = ?', status, id);
  }

  /** With what was still to be sent. */
  delete(id: string): void {
    this.#db.run('DELETE FROM hub_webhooks WHERE id = ?', id);
  }

  countDeliveries(webhook?: string): number {
    const row =
      webhook === undefined
        ? this.#db.get('SELECT count(*) AS n FROM hub_deliveries')
        : this.#db.get('SELECT count(*) AS n FROM hub_deliveries WHERE webhook = ?', webhook);
    return Number(row?.['n']);
  }

  /** Of all webhooks of a namespace. */
  countDeliveriesIn(namespace: string): number {
    const row = this.#db.get(
      `SELECT count(*) AS n FROM hub_repositories AS r JOIN hub_webhooks AS w ON w.repository = r.id
         JOIN hub_deliveries AS d ON d.webhook = w.id WHERE r.namespace = ?`,
      namespace,
    );
    return Number(row?.['n']);
  }

  insertDelivery(webhook: string, body: string, dueAt: number): void {
    this.#db.run('INSERT INTO hub_deliveries (webhook, body, due_at) VALUES (?, ?, ?)', webhook, body, dueAt);
  }

  /** Of each webhook the one that has been due for longest, so that none keeps others waiting. */
  due(now: number, limit: number): Delivery[] {
    return this.#db
      .all(
        `SELECT d.id, d.webhook, d.body, d.attempts, min(d.due_at) AS due_at, w.url, w.secret
           FROM hub_deliveries AS d JOIN hub_webhooks AS w ON w.id = d.webhook
           WHERE d.due_at <= ? GROUP BY d.webhook ORDER BY 5, 1 LIMIT ?`,
        now,
        limit,
      )
      .map(row => ({
        id: Number(row['id']),
        webhook: String(row['webhook']),
        url: String(row['url']),
        secret: String(row['secret']),
        body: String(row['body']),
        attempts: Number(row['attempts']),
      }));
  }

  /** When the next one is to be sent, of those that belong to none of `but`. */
  nextDue(but: Iterable<string>): number | undefined {
    const at = this.#db.get(
      'SELECT min(due_at) AS at FROM hub_deliveries WHERE webhook NOT IN (SELECT value FROM json_each(?))',
      JSON.stringify([...but]),
    )?.['at'];
    return typeof at === 'number' ? at : undefined;
  }

  postpone(id: number, attempts: number, dueAt: number): void {
    this.#db.run('UPDATE hub_deliveries SET attempts = ?, due_at = ? WHERE id = ?', attempts, dueAt, id);
  }

  deleteDelivery(id: number): void {
    this.#db.run('DELETE FROM hub_deliveries WHERE id = ?', id);
  }
}

function toWebhook(row: Row): SecretWebhook {
  return {
    id: String(row['id']),
    repository: String(row['repository']),
    name: String(row['name']),
    url: String(row['url']),
    secret: String(row['secret']),
    createdAt: Number(row['created_at']),
    lastStatus: row['last_status'] === null ? undefined : String(row['last_status']),
  };
}
