import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';

/** pid and start time, see `ProcessHandle` */
const Handle = v.object({ pid: v.number(), startTicks: v.number() });

const Line = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
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
  }),
);

/** What this engine, or the one before it, knows about a container it gave to the runtime. */
export type ContainerRecord = Readonly<v.InferOutput<typeof Line>>;

/**
 * Containers that the runtime has something of, as one small file each: written before anything is made, removed
 * when all of it is gone. It says what is to be cleaned up, whoever died where.
 *
 * The last line of a file that is complete counts. Lines are only added: replacing a small file makes some file systems
 * write to disk at once, and a run directory is not on a tmpfs everywhere.
 */
export class ContainerRecords {
  readonly #directory: string;
  readonly #records = new Map<string, ContainerRecord>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const record = lastRecord(readFileSync(join(directory, name), 'utf8'));
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
    appendFileSync(join(this.#directory, record.id), `\n${JSON.stringify(record)}`, { mode: 0o600 });
    this.#records.set(record.id, record);
  }

  remove(id: string): void {
    this.#records.delete(id);
    rmSync(join(this.#directory, id), { force: true });
  }
}

function lastRecord(text: string): ContainerRecord | undefined {
  for (const line of text.split('\n').toReversed()) {
    const parsed = v.safeParse(Line, line);
    if (parsed.success) return parsed.output;
  }
  return undefined;
}
