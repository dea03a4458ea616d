import * as v from 'valibot';
import { mapOf } from '#spec/docker/lenient';
import type { Database, Migration, Row } from '#store/database';
import { scheduleMigrations } from './schedule-table.ts';
import { sizeMigrations } from './size-table.ts';
import type { Volume, VolumeSnapshot } from './volume.ts';

export const volumeMigrations: readonly Migration[] = [
  {
    name: 'volume/1-volumes',
    sql: `
      CREATE TABLE volumes (
        name TEXT PRIMARY KEY,
        driver TEXT NOT NULL,
        mountpoint TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        labels TEXT NOT NULL,
        options TEXT NOT NULL,
        is_anonymous INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE volume_users (
        volume TEXT NOT NULL REFERENCES volumes (name),
        container TEXT NOT NULL,
        PRIMARY KEY (volume, container)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX volume_users_by_container ON volume_users (container);
      CREATE TABLE volume_mounts (
        volume TEXT NOT NULL REFERENCES volumes (name),
        container TEXT NOT NULL,
        PRIMARY KEY (volume, container)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE volume_removals (
        name TEXT PRIMARY KEY
      ) STRICT, WITHOUT ROWID`,
  },
  {
    name: 'volume/2-scopes',
    sql: `ALTER TABLE volumes ADD COLUMN scope TEXT NOT NULL DEFAULT 'local'`,
  },
  {
    name: 'volume/3-snapshots-and-renames',
    sql: `
      CREATE TABLE volume_snapshots (
        id TEXT PRIMARY KEY,
        volume TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        UNIQUE (volume, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE volume_renames (
        old_name TEXT PRIMARY KEY,
        new_name TEXT NOT NULL
      ) STRICT, WITHOUT ROWID`,
  },
  ...scheduleMigrations,
  ...sizeMigrations,
];

const TextMap = mapOf(v.string());

/**
 * Rows of volumes, of who refers to them (`volume_users`), of who has one mounted that is mounted on use
 * (`volume_mounts`), and of removals whose directory may still be there (`volume_removals`).
 */
export class VolumeTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): Volume | undefined {
    const row = this.#db.get('SELECT * FROM volumes WHERE name = ?', name);
    return row ? toVolume(row) : undefined;
  }

  /** By name. */
  list(): Volume[] {
    return this.#db.all('SELECT * FROM volumes ORDER BY name').map(toVolume);
  }

  insert(volume: Volume): void {
    this.#db.run(
      `INSERT INTO volumes (name, driver, mountpoint, created_at, labels, options, is_anonymous, scope)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      volume.name,
      volume.driver,
      volume.mountpoint,
      volume.createdAt,
      JSON.stringify(volume.labels),
      JSON.stringify(volume.options),
      volume.isAnonymous ? 1 : 0,
      volume.scope,
    );
  }

  /** Where a driver of another vendor has mounted it. */
  setMountpoint(name: string, mountpoint: string): void {
    this.#db.run(
      'UPDATE volumes SET mountpoint = ? WHERE name = ? AND mountpoint <> ?',
      mountpoint,
      name,
      mountpoint,
    );
  }

  /** Deletes the row of a volume whose data its driver has removed. */
  delete(name: string): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM volume_mounts WHERE volume = ?', name);
      this.#db.run('DELETE FROM volume_schedules WHERE volume = ?', name);
      this.#db.run('DELETE FROM volumes WHERE name = ?', name);
    });
  }

  /** Deletes the row and notes that the directory is to go, in one transaction. */
  deleteForRemoval(name: string): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM volume_mounts WHERE volume = ?', name);
      this.#db.run('DELETE FROM volume_schedules WHERE volume = ?', name);
      this.#db.run('DELETE FROM volumes WHERE name = ?', name);
      this.#db.run('INSERT OR IGNORE INTO volume_removals (name) VALUES (?)', name);
    });
  }

  /** Names whose directories are to go. */
  removals(): string[] {
    return this.#db.all('SELECT name FROM volume_removals').map(row => String(row['name']));
  }

  endRemoval(name: string): void {
    this.#db.run('DELETE FROM volume_removals WHERE name = ?', name);
  }

  /** Notes a renaming before the directory is moved; {@link rename} takes the note back in the commit that does it. */
  beginRename(from: string, to: string): void {
    this.#db.run('INSERT OR REPLACE INTO volume_renames (old_name, new_name) VALUES (?, ?)', from, to);
  }

  endRename(from: string): void {
    this.#db.run('DELETE FROM volume_renames WHERE old_name = ?', from);
  }

  /** Renamings that were begun and not ended. */
  renames(): { readonly from: string; readonly to: string }[] {
    return this.#db
      .all('SELECT old_name, new_name FROM volume_renames')
      .map(row => ({ from: String(row['old_name']), to: String(row['new_name']) }));
  }

  /** Gives the row another name, and all that refer to it. Part of the caller's transaction. */
  rename(volume: Volume, to: string, mountpoint: string): void {
    this.insert({ ...volume, name: to, mountpoint });
    for (const table of ['volume_users', 'volume_mounts', 'volume_snapshots', 'volume_schedules']) {
      this.#db.run(`UPDATE ${table} SET volume = ? WHERE volume = ?`, to, volume.name);
    }
    this.#db.run('DELETE FROM volumes WHERE name = ?', volume.name);
    this.endRename(volume.name);
  }

  insertSnapshot({ id, volume, name, createdAt }: VolumeSnapshot): void {
    this.#db.run(
      'INSERT INTO volume_snapshots (id, volume, name, created_at) VALUES (?, ?, ?, ?)',
      id,
      volume,
      name,
      createdAt,
    );
  }

  deleteSnapshot(id: string): void {
    this.#db.run('DELETE FROM volume_snapshots WHERE id = ?', id);
  }

  /** Of one volume, oldest first; of all without a name. */
  snapshots(volume?: string): VolumeSnapshot[] {
    const rows =
      volume === undefined
        ? this.#db.all('SELECT * FROM volume_snapshots ORDER BY created_at, name')
        : this.#db.all('SELECT * FROM volume_snapshots WHERE volume = ? ORDER BY created_at, name', volume);
    return rows.map(row => ({
      id: String(row['id']),
      volume: String(row['volume']),
      name: String(row['name']),
      createdAt: Number(row['created_at']),
    }));
  }

  usersOf(name: string): string[] {
    return this.#db
      .all('SELECT container FROM volume_users WHERE volume = ? ORDER BY container', name)
      .map(row => String(row['container']));
  }

  /** Volumes that this container refers to, and no other. */
  soleUses(containerId: string): string[] {
    return this.#db
      .all(
        `SELECT volume FROM volume_users AS mine WHERE container = ? AND NOT EXISTS (
           SELECT 1 FROM volume_users WHERE volume = mine.volume AND container <> mine.container
         ) ORDER BY volume`,
        containerId,
      )
      .map(row => String(row['volume']));
  }

  /** Volumes that a container refers to. */
  usesOf(containerId: string): string[] {
    return this.#db
      .all('SELECT volume FROM volume_users WHERE container = ? ORDER BY volume', containerId)
      .map(row => String(row['volume']));
  }

  /** Every container that any volume is noted for. */
  users(): string[] {
    return this.#db.all('SELECT DISTINCT container FROM volume_users').map(row => String(row['container']));
  }

  /** Every mount that is noted, with the driver it was made by. */
  mounts(): { readonly volume: string; readonly container: string; readonly driver: string }[] {
    return this.#db
      .all('SELECT volume, container, driver FROM volume_mounts JOIN volumes ON volumes.name = volume')
      .map(row => ({
        volume: String(row['volume']),
        container: String(row['container']),
        driver: String(row['driver']),
      }));
  }

  addUser(name: string, containerId: string): void {
    this.#db.run('INSERT OR IGNORE INTO volume_users (volume, container) VALUES (?, ?)', name, containerId);
  }

  removeUser(containerId: string): void {
    this.#db.run('DELETE FROM volume_users WHERE container = ?', containerId);
  }

  mountersOf(name: string): string[] {
    return this.#db
      .all('SELECT container FROM volume_mounts WHERE volume = ? ORDER BY container', name)
      .map(row => String(row['container']));
  }

  addMounter(name: string, containerId: string): void {
    this.#db.run('INSERT OR IGNORE INTO volume_mounts (volume, container) VALUES (?, ?)', name, containerId);
  }

  removeMounter(name: string, containerId: string): void {
    this.#db.run('DELETE FROM volume_mounts WHERE volume = ? AND container = ?', name, containerId);
  }
}

function toVolume(row: Row): Volume {
  return {
    name: String(row['name']),
    driver: String(row['driver']),
    mountpoint: String(row['mountpoint']),
    createdAt: Number(row['created_at']),
    labels: v.parse(TextMap, JSON.parse(String(row['labels']))),
    options: v.parse(TextMap, JSON.parse(String(row['options']))),
    scope: row['scope'] === 'global' ? 'global' : 'local',
    isAnonymous: row['is_anonymous'] === 1,
  };
}
