import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { isErrno } from '#sys/sys-error';

/** pid and start time, see `ProcessHandle` */
const Handle = v.object({ pid: v.number(), startTicks: v.number() });

const Record = v.object({
  id: v.string(),
  bundle: v.string(),
  runtime: v.string(),
  cgroupsPath: v.string(),
  /** a client that leaves closes the process's stdin */
  closesStdin: v.boolean(),
  /** absent when the engine ended while it was being created */
  process: v.optional(Handle),
  supervisor: v.optional(Handle),
  /** how it ended is known to whoever had to know */
  isOver: v.optional(v.boolean(), false),
});

/** What this engine, or the one before it, knows about a container it gave to the runtime. */
export type ContainerRecord = Readonly<v.InferOutput<typeof Record>>;

/**
 * Containers that the runtime has something of, as one small file each on the tmpfs: written before anything is
 * made, removed when all of it is gone. It says what is to be cleaned up, whoever died where.
 */
export class ContainerRecords {
  readonly #directory: string;
  readonly #records = new Map<string, ContainerRecord>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const record = this.#read(join(directory, name));
      if (record) this.#records.set(record.id, record);
    }
  }

  find(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  findByBundle(bundle: string): ContainerRecord | undefined {
    return this.#records.values().find(record => record.bundle === bundle);
  }

  list(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  put(record: ContainerRecord): void {
    const file = this.#file(record.id);
    // Renamed into place: a reader after a crash sees the old or the new one.
    writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    this.#records.set(record.id, record);
  }

  remove(id: string): void {
    this.#records.delete(id);
    rmSync(this.#file(id), { force: true });
  }

  #file(id: string): string {
    return join(this.#directory, `${id}.json`);
  }

  #read(file: string): ContainerRecord | undefined {
    try {
      if (file.endsWith('.json'))
        return v.parse(v.pipe(v.string(), v.parseJson(), Record), readFileSync(file, 'utf8'));
      rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof v.ValiError) && !isErrno(error, 'ENOENT')) throw error;
    }
    return undefined;
  }
}
