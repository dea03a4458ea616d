import { type Moment, nanosAt, STDERR, STDOUT, secondsAt, streamAt, toMoment } from './log-record.ts';

export interface FilterRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** nanoseconds since 1970, both inclusive */
  readonly sinceNanos?: bigint;
  readonly untilNanos?: bigint;
}

/** Where a record lies compared with the wanted time. */
export type Placement = 'before' | 'within' | 'after';

/** Says which records a client wants. */
export class RecordFilter {
  /** {@link STDOUT} and {@link STDERR} as bits */
  readonly streams: number;
  readonly isTimed: boolean;
  readonly #since: Moment | undefined;
  readonly #until: Moment | undefined;

  constructor({ stdout, stderr, sinceNanos, untilNanos }: FilterRequest) {
    this.streams = (stdout ? STDOUT : 0) | (stderr ? STDERR : 0);
    this.#since = sinceNanos === undefined ? undefined : toMoment(sinceNanos);
    this.#until = untilNanos === undefined ? undefined : toMoment(untilNanos);
    this.isTimed = sinceNanos !== undefined || untilNanos !== undefined;
  }

  /** @returns the stream of the record at `start` when it is wanted, else 0. */
  select(bytes: Uint8Array, start: number, end: number): number {
    const stream = this.streamOf(bytes, start, end);
    if (stream === 0) return 0;
    return !this.isTimed || this.place(bytes, start) === 'within' ? stream : 0;
  }

  /** @returns the stream of the record at `start` when it is a wanted one, at whatever time, else 0. */
  streamOf(bytes: Uint8Array, start: number, end: number): number {
    return streamAt(bytes, start, end) & this.streams;
  }

  place(bytes: Uint8Array, start: number): Placement {
    const since = this.#since;
    const until = this.#until;
    const seconds = secondsAt(bytes, start);
    if (
      since &&
      (seconds < since.seconds || (seconds === since.seconds && nanosAt(bytes, start) < since.nanos))
    ) {
      return 'before';
    }
    if (
      until &&
      (seconds > until.seconds || (seconds === until.seconds && nanosAt(bytes, start) > until.nanos))
    ) {
      return 'after';
    }
    return 'within';
  }
}
