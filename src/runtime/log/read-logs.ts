import type { Abortable } from '#base/abortable';
import { RecordAnnotator } from './annotate-records.ts';
import { ChangeWatcher } from './change-watcher.ts';
import { compactRecords, type Framing } from './compact-records.ts';
import { findTail } from './find-tail.ts';
import { closeFiles, type LogFile, openLogFiles, openNextFile } from './log-files.ts';
import { RecordFilter } from './record-filter.ts';
import { RecordReader } from './record-reader.ts';

export interface LogQuery extends Framing {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** nanoseconds since 1970, both inclusive */
  readonly sinceNanos?: bigint;
  readonly untilNanos?: bigint;
  /** number of last lines, of those that are wanted; absent: all */
  readonly tail?: number;
  readonly hasTimestamps: boolean;
  /** text before each line (`--details`); absent: none */
  readonly details?: string;
  readonly isFollowing: boolean;
}

export interface ReadLogsOptions extends Abortable {
  /** settles when nothing will be written any more; following ends then, after all was read */
  readonly ended: Promise<unknown>;
}

/** A writer can be seen in the middle of a line; it is given this long to end it. */
const UNFINISHED_MS = 5;

/**
 * The log of a container as bytes for a client, in chunks of at most some 256 KiB.
 *
 * Rotated files are read first, oldest first; all are held open, so that rotation while reading loses nothing. When the
 * signal fires it ends without an error: the client has left.
 *
 * @param path the newest file of the log
 */
export async function* readLogs(
  path: string,
  query: LogQuery,
  { signal, ended }: ReadLogsOptions,
): AsyncGenerator<Buffer, void, undefined> {
  await using log = new LogCursor(path, query, signal);
  using watcher = query.isFollowing ? new ChangeWatcher(path) : undefined;
  const state = { hasEnded: false };
  const end = (): void => {
    state.hasEnded = true;
    watcher?.notify();
  };
  ended.then(end, end);
  const onAbort = (): void => watcher?.notify();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    yield* log.readExisting();
    while (watcher && !log.isOver) {
      // Asked before reading: what was written until then is read before it counts.
      const isLast = state.hasEnded || log.isPastUntil();
      yield* log.readOn();
      if (isLast) break;
      await watcher.wait(log.untilMs());
    }
    yield* log.readUnfinished();
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The files of one log with a place in them. */
class LogCursor implements AsyncDisposable {
  readonly #path: string;
  readonly #query: LogQuery;
  readonly #signal: AbortSignal | undefined;
  readonly #filter: RecordFilter;
  readonly #annotator: RecordAnnotator | undefined;
  #files: LogFile[] = [];
  #reader: RecordReader | undefined;
  #isPast = false;

  constructor(path: string, query: LogQuery, signal: AbortSignal | undefined) {
    this.#path = path;
    this.#query = query;
    this.#signal = signal;
    this.#filter = new RecordFilter(query);
    const isAnnotated = query.hasTimestamps || query.details !== undefined;
    if (isAnnotated) this.#annotator = new RecordAnnotator(this.#filter, query.isRaw, query);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.settle();
    await closeFiles(this.#files);
  }

  /** Nobody listens any more, or nothing later is wanted. */
  get isOver(): boolean {
    return this.#isPast || this.#signal?.aborted === true;
  }

  /** What was there when it was asked for. */
  async *readExisting(): AsyncGenerator<Buffer, void, undefined> {
    this.#files = await openLogFiles(this.#path);
    const { tail } = this.#query;
    const start =
      tail === undefined ? { index: 0, offset: 0 } : await findTail(this.#files, tail, this.#filter);
    await closeFiles(this.#files.splice(0, start.index));
    for (let offset = start.offset; !this.isOver; offset = 0) {
      const file = this.#files[0];
      if (!file) return;
      this.#reader = new RecordReader(file.handle, offset);
      // A busy writer would keep a reader busy for ever.
      const { size } = await file.handle.stat();
      yield* this.#drain(this.#reader, this.#query.isFollowing ? undefined : size);
      if (this.#files.length === 1 || this.isOver) return;
      yield* this.readUnfinished();
      await this.#leaveFile();
    }
  }

  /** What was written since, in the last file and in those begun after it. */
  async *readOn(): AsyncGenerator<Buffer, void, undefined> {
    while (!this.isOver) {
      if (this.#reader) yield* this.#drain(this.#reader);
      const next = await openNextFile(this.#path, this.#files[0]);
      if (!next) return;
      // The writer had left the old file when the next one appeared: now its end is its end.
      if (this.#reader) yield* this.#drain(this.#reader);
      yield* this.readUnfinished();
      if (this.#files.length > 0) await this.#leaveFile();
      this.#files.push(next);
      this.#reader = new RecordReader(next.handle);
    }
  }

  /** The start of a line whose end never came, as after a crash. */
  async *readUnfinished(): AsyncGenerator<Buffer, void, undefined> {
    if (this.isOver || !this.#reader?.isUnfinished) return;
    await new Promise(resolve => setTimeout(resolve, UNFINISHED_MS));
    const records = (await this.#reader.next()) ?? this.#reader.takeUnfinished();
    if (records) yield* this.#convert(records);
  }

  isPastUntil(): boolean {
    return this.untilMs() <= 0;
  }

  /** How long until nothing written can be wanted any more. */
  untilMs(): number {
    const { untilNanos } = this.#query;
    return untilNanos === undefined
      ? Number.POSITIVE_INFINITY
      : Number(untilNanos / 1_000_000n) + 1 - Date.now();
  }

  async #leaveFile(): Promise<void> {
    await this.#reader?.settle();
    this.#reader = undefined;
    await closeFiles(this.#files.splice(0, 1));
  }

  /** Reads to the present end, or until `size` bytes of the file were read. */
  async *#drain(
    reader: RecordReader,
    size = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<Buffer, void, undefined> {
    while (!this.isOver && reader.position < size) {
      const records = await reader.next();
      if (!records) return;
      yield* this.#convert(records);
    }
  }

  *#convert(records: Buffer): Generator<Buffer, void, undefined> {
    const { output, length, isPast } = this.#annotator
      ? this.#annotator.annotate(records, records.length)
      : { output: records, ...compactRecords(records, records.length, this.#filter, this.#query) };
    this.#isPast = isPast;
    if (length > 0) yield output.subarray(0, length);
  }
}
