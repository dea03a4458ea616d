import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { ContainerId } from '#base/ids';
import { ContainerConfig, NetworkingConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import type { Database, Migration, Row } from '#store/database';
import type { Container } from './container.ts';

export const containerMigrations: readonly Migration[] = [
  {
    name: 'container/1-containers',
    sql: `CREATE TABLE containers (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      created_at INTEGER NOT NULL,
      fixed TEXT NOT NULL,
      state TEXT NOT NULL
    ) STRICT`,
  },
];

const integer = v.pipe(v.number(), v.integer());
const MountPointRow = v.object({
  type: v.picklist(['bind', 'volume', 'tmpfs']),
  name: v.exactOptional(v.string()),
  source: v.string(),
  destination: v.string(),
  driver: v.exactOptional(v.string()),
  mode: v.string(),
  isWritable: v.boolean(),
  propagation: v.string(),
  isNoCopy: v.exactOptional(v.boolean()),
  subpath: v.exactOptional(v.string()),
  isNonRecursive: v.exactOptional(v.boolean()),
  recursiveReadOnly: v.exactOptional(v.picklist(['enabled', 'force', 'disabled'])),
  tmpfsOptions: v.exactOptional(v.string()),
});

/** What never changes after creation. */
const Fixed = v.object({
  imageId: v.string(),
  imageName: v.string(),
  platform: v.string(),
  path: v.string(),
  args: v.array(v.string()),
  config: ContainerConfig,
  hostConfig: HostConfig,
  mounts: v.array(MountPointRow),
});

const Health = v.object({
  status: v.picklist(['starting', 'healthy', 'unhealthy']),
  failingStreak: integer,
  log: v.array(v.object({ startedAt: integer, endedAt: integer, exitCode: integer, output: v.string() })),
});

/** What changes: small, because it is written at every transition. */
const Changing = v.object({
  state: v.object({
    status: v.picklist(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
    pid: v.exactOptional(integer),
    exitCode: integer,
    error: v.string(),
    isOomKilled: v.boolean(),
    startedAt: v.exactOptional(integer),
    finishedAt: v.exactOptional(integer),
    health: v.exactOptional(Health),
  }),
  restartCount: integer,
  isManuallyStopped: v.boolean(),
  networking: NetworkingConfig,
});

/** Rows of containers. A row is written whole at creation; afterwards its state and name change, rarely the rest. */
export class ContainerTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  insert(container: Container): void {
    this.#db.run(
      'INSERT INTO containers (id, name, created_at, fixed, state) VALUES (?, ?, ?, ?, ?)',
      container.id,
      container.name,
      container.createdAt,
      fixed(container),
      changing(container),
    );
  }

  updateState(container: Container): void {
    this.#db.run('UPDATE containers SET state = ? WHERE id = ?', changing(container), container.id);
  }

  /** What a container is made from and to be run with. */
  updateFixed(container: Container): void {
    this.#db.run('UPDATE containers SET fixed = ? WHERE id = ?', fixed(container), container.id);
  }

  rename(id: ContainerId, name: string): void {
    this.#db.run('UPDATE containers SET name = ? WHERE id = ?', name, id);
  }

  delete(id: ContainerId): void {
    this.#db.run('DELETE FROM containers WHERE id = ?', id);
  }

  all(): Container[] {
    return this.#db
      .all('SELECT id, name, created_at, fixed, state FROM containers ORDER BY created_at')
      .map(fromRow);
  }

  /** Resolves when what was written would survive a power cut. */
  async synced(): Promise<void> {
    await this.#db.synced();
  }

  /** Runs several writes as one commit. */
  transaction<T>(work: () => T extends Promise<unknown> ? never : T): T {
    return this.#db.transaction(work);
  }
}

function fixed(container: Container): string {
  const { imageId, imageName, platform, path, args, config, hostConfig, mounts } = container;
  return JSON.stringify({ imageId, imageName, platform, path, args, config, hostConfig, mounts });
}

function changing({ state, restartCount, isManuallyStopped, networking }: Container): string {
  return JSON.stringify({ state, restartCount, isManuallyStopped, networking });
}

/** @throws {EngineError} `dataLoss` when a row cannot be understood. */
function fromRow(row: Row): Container {
  const id = String(row['id']);
  const fixed = v.safeParse(Fixed, JSON.parse(String(row['fixed'])));
  const state = v.safeParse(Changing, JSON.parse(String(row['state'])));
  if (!fixed.success || !state.success) {
    throw new EngineError('dataLoss', `the database row of container ${id} cannot be read`, {
      cause: fixed.issues ?? state.issues,
    });
  }
  return {
    ...fixed.output,
    ...state.output,
    // Both were branded when the row was written, by the only code that writes rows.
    id: id as ContainerId,
    imageId: fixed.output.imageId as Container['imageId'],
    name: String(row['name']),
    createdAt: Number(row['created_at']),
  };
}
