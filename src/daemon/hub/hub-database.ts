import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, messageOf } from '#base/errors';
import { hubMigrations } from '#hub/hub-migrations';
import { registryMigrations } from '#registry/registry-migrations';
import { Database } from '#store/database';

const FILE = 'hub.sqlite';
/** SQLite's words for a file that is damaged, and for one that never was a database (https://www.sqlite.org/rescode.html). */
const DAMAGED: readonly unknown[] = [11, 26];

/**
 * The hub's database; made at the first start.
 *
 * A start sweeps what no row knows of. With a database that is new because the old one is lost that would be every image: whoever puts
 * a damaged one aside to see whether the hub starts then must not lose what the database was about.
 *
 * @throws {EngineError} `invalid` where images are without a database, and for one that is damaged or of a newer version.
 */
export function openHubDatabase(root: string): Database {
  const path = join(root, FILE);
  const blobs = join(root, 'blobs', 'sha256');
  if (!existsSync(path) && existsSync(blobs) && readdirSync(blobs).length > 0) {
    throw new EngineError(
      'invalid',
      `there is no ${path}, but images are in ${blobs}: put the database back from a copy, or move them away to begin anew`,
    );
  }
  const database = opened(path);
  const [newer] = database.unknownMigrations([...registryMigrations, ...hubMigrations]);
  if (newer === undefined) return database;
  database[Symbol.dispose]();
  throw new EngineError(
    'invalid',
    `the database ${path} was made by a newer version (it has ${newer}): start that, or put back the copy from before the upgrade`,
  );
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
