import * as v from 'valibot';
import type { Database, Migration, Row } from '#store/database';
import type { RegistryLogin } from './artifact-repository.ts';

/** After those of volumes. */
export const scheduleMigrations: readonly Migration[] = [
  {
    name: 'volume/4-schedules',
    sql: `CREATE TABLE volume_schedules (
      id TEXT PRIMARY KEY,
      volume TEXT NOT NULL,
      cron TEXT NOT NULL,
      directory TEXT NOT NULL,
      keep INTEGER NOT NULL,
      pauses INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      last_run_at INTEGER,
      last_error TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
  },
  {
    name: 'volume/5-schedules-of-artifacts',
    sql: `ALTER TABLE volume_schedules ADD COLUMN artifact TEXT NOT NULL DEFAULT '';
      ALTER TABLE volume_schedules ADD COLUMN login TEXT NOT NULL DEFAULT '{}'`,
  },
];

/** Backups of a volume that are made by themselves. */
export interface BackupSchedule {
  readonly id: string;
  readonly volume: string;
  readonly cron: string;
  /** empty when they are artifacts */
  readonly directory: string;
  /** `host/repository[:tag]`; empty when they go into a directory */
  readonly artifact: string;
  /** for the registry, kept as environments of containers are: the database is readable by root alone */
  readonly login: RegistryLogin;
  /** 0: all */
  readonly keep: number;
  readonly pauses: boolean;
  /** milliseconds since 1970 */
  readonly createdAt: number;
  readonly lastRunAt: number | undefined;
  /** empty when the last one was made */
  readonly lastError: string;
}

export class ScheduleTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  insert(schedule: BackupSchedule): void {
    this.#db.run(
      `INSERT INTO volume_schedules (id, volume, cron, directory, artifact, login, keep, pauses, created_at, last_run_at, last_error)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '')`,
      schedule.id,
      schedule.volume,
      schedule.cron,
      schedule.directory,
      schedule.artifact,
      JSON.stringify(schedule.login),
      schedule.keep,
      schedule.pauses ? 1 : 0,
      schedule.createdAt,
    );
  }

  noteRun(id: string, at: number, error: string): void {
    this.#db.run('UPDATE volume_schedules SET last_run_at = ?, last_error = ? WHERE id = ?', at, error, id);
  }

  delete(id: string): void {
    this.#db.run('DELETE FROM volume_schedules WHERE id = ?', id);
  }

  /** Oldest first. */
  all(): BackupSchedule[] {
    return this.#db.all('SELECT * FROM volume_schedules ORDER BY created_at, id').map(toSchedule);
  }
}

const Login = v.object({
  username: v.exactOptional(v.string()),
  password: v.exactOptional(v.string()),
  identityToken: v.exactOptional(v.string()),
  registryToken: v.exactOptional(v.string()),
});

function toSchedule(row: Row): BackupSchedule {
  return {
    id: String(row['id']),
    volume: String(row['volume']),
    cron: String(row['cron']),
    directory: String(row['directory']),
    artifact: String(row['artifact']),
    login: v.parse(Login, JSON.parse(String(row['login']))),
    keep: Number(row['keep']),
    pauses: row['pauses'] === 1,
    createdAt: Number(row['created_at']),
    lastRunAt: row['last_run_at'] === null ? undefined : Number(row['last_run_at']),
    lastError: String(row['last_error']),
  };
}
