import { nextDue, parseCron } from '#base/cron';
import { EngineError, messageOf } from '#base/errors';
import { newId, shortId } from '#base/ids';
import type { Logger } from '#base/logger';
import { type ArtifactBackups, checkBackupName } from './artifact-backups.ts';
import type { BackupSchedule, ScheduleTable } from './schedule-table.ts';
import { checkDirectory, type VolumeBackups } from './volume-backups.ts';

export type ScheduleWish = Pick<
  BackupSchedule,
  'cron' | 'directory' | 'artifact' | 'login' | 'keep' | 'pauses'
>;

export interface BackupSchedulesDeps {
  readonly table: ScheduleTable;
  readonly backups: Pick<VolumeBackups, 'make'>;
  readonly artifacts: Pick<ArtifactBackups, 'make'>;
  /** @throws `notFound` for a volume that is not there. */
  readonly requireVolume: (name: string) => void;
  /** runs work while the containers that run with a volume are paused */
  readonly withUsersPaused: <T>(volume: string, work: () => Promise<T>) => Promise<T>;
  readonly logger: Logger;
  /** milliseconds since 1970 */
  readonly now?: () => number;
}

/** The clock of the host may be set: it is looked at this often at least. */
const LONGEST_SLEEP_MS = 60_000;
const MOST_PER_VOLUME = 20;

/**
 * Makes the backups that are due. One that was missed, as the engine did not run, is made at its next start, once. One at
 * a time: they are work for the disk.
 */
export class BackupSchedules {
  readonly #deps: BackupSchedulesDeps;
  readonly #now: () => number;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(deps: BackupSchedulesDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  /** @throws {EngineError} `invalid` for a schedule that is none or never due and for a place that no backup goes to, `notFound` for the volume. */
  add(volume: string, wish: ScheduleWish): BackupSchedule {
    this.#deps.requireVolume(volume);
    checkPlace(wish);
    const createdAt = this.#now();
    if (dueAfter(wish.cron, createdAt) === undefined) {
      throw new EngineError('invalid', `"${wish.cron}" is never due`);
    }
    if (this.list(volume).length >= MOST_PER_VOLUME) {
      throw new EngineError('invalid', `volume ${volume} has ${MOST_PER_VOLUME} schedules already`);
    }
    const schedule = {
      id: shortId(newId()),
      volume,
      ...wish,
      createdAt,
      lastRunAt: undefined,
      lastError: '',
    };
    this.#deps.table.insert(schedule);
    return schedule;
  }

  list(volume: string): BackupSchedule[] {
    this.#deps.requireVolume(volume);
    return this.listAll().filter(schedule => schedule.volume === volume);
  }

  /** Those of all volumes, oldest first. */
  listAll(): BackupSchedule[] {
    return this.#deps.table.all();
  }

  /** @param volume that it must be of; absent: any. @throws `notFound`. */
  remove(id: string, volume?: string): void {
    const all = volume === undefined ? this.listAll() : this.list(volume);
    if (!all.some(schedule => schedule.id === id)) {
      const where = volume === undefined ? 'there is' : `volume ${volume} has`;
      throw new EngineError('notFound', `${where} no schedule "${id.slice(0, 100)}"`);
    }
    this.#deps.table.delete(id);
  }

  /** When a schedule is due next, in milliseconds since 1970. */
  nextRunOf({ cron, createdAt, lastRunAt }: BackupSchedule): number | undefined {
    return dueAfter(cron, lastRunAt ?? createdAt);
  }

  /** From now on, what is due is made. */
  start(): void {
    this.#timer = setTimeout(() => {
      this.#working = this.runDue().finally(() => {
        if (!this.#closing.signal.aborted) this.start();
      });
    }, this.#sleepMs()).unref();
  }

  /** Makes what is due. Failures are noted and logged. */
  async runDue(): Promise<void> {
    for (const schedule of this.#deps.table.all()) {
      if (this.#closing.signal.aborted) return;
      const due = this.nextRunOf(schedule);
      if (due !== undefined && due <= this.#now()) await this.#run(schedule);
    }
  }

  /** Stops what is under way; that is made at the next start. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    await this.#working;
  }

  #sleepMs(): number {
    const next = this.#deps.table.all().flatMap(schedule => this.nextRunOf(schedule) ?? []);
    const untilNext = Math.min(...next, Number.MAX_SAFE_INTEGER) - this.#now();
    return Math.min(Math.max(untilNext, 0) + 1, LONGEST_SLEEP_MS);
  }

  async #run(schedule: BackupSchedule): Promise<void> {
    const { table, logger, withUsersPaused } = this.#deps;
    const { id, volume, directory, artifact, pauses } = schedule;
    const startedAt = this.#now();
    const { signal } = this.#closing;
    const make = () => this.#make(schedule, signal);
    try {
      const place = await (pauses ? withUsersPaused(volume, make) : make());
      logger.info('a backup was made', { volume, place });
      table.noteRun(id, startedAt, '');
    } catch (error) {
      if (signal.aborted) return;
      logger.error('a backup that was due could not be made', {
        volume,
        place: directory || artifact,
        error,
      });
      table.noteRun(id, startedAt, messageOf(error));
    }
  }

  /** @returns where it is. */
  async #make(
    { volume, directory, artifact, login, keep }: BackupSchedule,
    signal: AbortSignal,
  ): Promise<string> {
    const options = { ...(keep > 0 && { keep }), signal };
    if (artifact === '') return (await this.#deps.backups.make(volume, directory, options)).path;
    return (await this.#deps.artifacts.make(volume, artifact, { ...options, login })).name;
  }
}

function checkPlace({ directory, artifact, keep }: ScheduleWish): void {
  if (artifact !== '') {
    if (directory !== '')
      throw new EngineError('invalid', 'a backup goes into a Directory, or is an Artifact');
    checkBackupName(artifact, keep > 0 ? keep : undefined);
  } else checkDirectory(directory);
}

function dueAfter(cron: string, afterMs: number): number | undefined {
  try {
    return nextDue(parseCron(cron), afterMs);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new EngineError('invalid', error.message, { cause: error });
  }
}
