import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, messageOf } from '#base/errors';
import { Database, type Migration } from '#store/database';

/** SQLite's words for a file that is damaged, and for one that never was a database (https://www.sqlite.org/rescode.html). */
const DAMAGED: readonly unknown[] = [11, 26];

export interface StateDatabaseOptions {
  readonly root: string;
  /** its name below `root` */
  readonly file: string;
  /** all there are, whoever applies them */
  readonly migrations: readonly Migration[];
  /** folders below `root`, as what people call that which is in them, and which is swept where no row knows of it */
  readonly holds: Readonly<Record<string, string>>;
}

/**
 * The database that knows what is below a root; made at the first start.
 *
 * A start sweeps what no row knows of. With a database that is new because the old one is lost that would be everything: whoever puts
 * a damaged one aside to see whether a start works then must not lose what the database was about.
 *
 * @throws {EngineError} `invalid` where there is something without a database, and for one that is damaged or of a newer version.
 */
export function openStateDatabase({ root, file, migrations, holds }: StateDatabaseOptions): Database {
  const path = join(root, file);
  if (!existsSync(path)) refuseOrphans(path, root, holds);
  const database = opened(path);
  const [newer] = database.unknownMigrations(migrations);
  if (newer === undefined) return database;
  database[Symbol.dispose]();
  throw new EngineError(
    'invalid',
    `the database ${path} was made by a newer version (it has ${newer}): start that, or put back the copy from before the upgrade`,
  );
}

function refuseOrphans(path: string, root: string, holds: StateDatabaseOptions['holds']): void {
  for (const [what, folder] of Object.entries(holds)) {
    const place = join(root, folder);
    if (!existsSync(place) || readdirSync(place).length === 0) continue;
    throw new EngineError(
      'invalid',
      `there is no ${path}, but ${what} are in ${place}: put the database back from a copy, or move them away to begin anew`,
    );
  }
}

function opened(path: string): Database {
  try {
    return new Database(path);
  } catch (error) {
    if (!(error instanceof Error && 'errcode' in error && DAMAGED.includes(error.errcode))) throw error;
    throw new EngineError(
      'invalid',
      `the database ${path} is damaged (${messageOf(error)}): put a copy of it back; "sqlite3 ${path} .recover" may save what can be read`,
      { cause: error },
    );
  }
}
