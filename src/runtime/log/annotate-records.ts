import { type Compacted, FRAME_HEADER_BYTES } from './compact-records.ts';
import { FULL, NEWLINE, STDERR, STDOUT, secondsAt, TAG_AT, TEXT_AT } from './log-record.ts';
import type { RecordFilter } from './record-filter.ts';

export interface Annotations {
  readonly hasTimestamps: boolean;
  /** text before each line, such as `label=value`; absent: none */
  readonly details?: string;
}

/** `2026-11-21T08:07:00.242950316Z ` */
const STAMP_BYTES = 31;
const SECOND_BYTES = 19;
const FRACTION_END = 29;
const LETTER_Z = 0x5a;
const SPACE = 0x20;

/**
 * Turns records into what a client reads when each line starts with its time or details: one frame for each record, in a
 * buffer of its own. A line that was written in parts gets them once, at its start.
 */
export class RecordAnnotator {
  readonly #hasTimestamps: boolean;
  readonly #details: Buffer;
  readonly #isRaw: boolean;
  readonly #filter: RecordFilter;
  /** streams (as bits) in the middle of a line */
  #openLines = 0;
  #output = Buffer.alloc(0);
  #length = 0;
  #second = Number.NaN;
  #secondText = Buffer.alloc(SECOND_BYTES);

  constructor(filter: RecordFilter, isRaw: boolean, { hasTimestamps, details }: Annotations) {
    this.#filter = filter;
    this.#isRaw = isRaw;
    this.#hasTimestamps = hasTimestamps;
    this.#details = Buffer.from(details === undefined ? '' : `${details} `);
  }

  /** @returns the output; it belongs to the caller. */
  annotate(bytes: Buffer, end: number): Compacted & { readonly output: Buffer } {
    this.#output = Buffer.allocUnsafe(Math.ceil(end * 1.25) + 1024);
    this.#length = 0;
    let isPast = false;
    for (let start = 0; start < end && !isPast; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      const stream = this.#filter.select(bytes, start, end);
      if (stream !== 0) this.#append(bytes, start, newline, stream);
      else isPast = this.#isPast(bytes, start, end);
      start = newline + 1;
    }
    return { output: this.#output.subarray(0, this.#length), length: this.#length, isPast };
  }

  #isPast(bytes: Buffer, start: number, end: number): boolean {
    if (!this.#filter.isTimed) return false;
    return this.#filter.streamOf(bytes, start, end) !== 0 && this.#filter.place(bytes, start) === 'after';
  }

  #append(bytes: Buffer, start: number, newline: number, stream: number): void {
    const isFull = bytes[start + TAG_AT] === FULL;
    const textLength = newline - start - TEXT_AT;
    this.#reserve(FRAME_HEADER_BYTES + STAMP_BYTES + this.#details.length + textLength + 1);
    const output = this.#output;
    const frame = this.#length;
    let to = this.#isRaw ? frame : frame + FRAME_HEADER_BYTES;
    if ((this.#openLines & stream) === 0) to = this.#writePrefix(bytes, start, to);
    bytes.copy(output, to, start + TEXT_AT, newline);
    to += textLength;
    if (isFull) {
      output[to] = NEWLINE;
      to += 1;
      this.#openLines &= ~stream & (STDOUT | STDERR);
    } else {
      this.#openLines |= stream;
    }
    if (to === frame + (this.#isRaw ? 0 : FRAME_HEADER_BYTES)) return; // an empty part says nothing
    if (!this.#isRaw) {
      output.writeUInt32BE(stream * 0x0100_0000, frame);
      output.writeUInt32BE(to - frame - FRAME_HEADER_BYTES, frame + 4);
    }
    this.#length = to;
  }

  #writePrefix(bytes: Buffer, start: number, to: number): number {
    const output = this.#output;
    let at = to;
    if (this.#hasTimestamps) {
      this.#secondAsText(secondsAt(bytes, start)).copy(output, at);
      bytes.copy(output, at + SECOND_BYTES, start + SECOND_BYTES, start + FRACTION_END);
      output[at + FRACTION_END] = LETTER_Z;
      output[at + FRACTION_END + 1] = SPACE;
      at += STAMP_BYTES;
    }
    this.#details.copy(output, at);
    return at + this.#details.length;
  }

  /** Neighbouring lines share a second most of the time. */
  #secondAsText(second: number): Buffer {
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText.write(new Date(second * 1000).toISOString(), 'latin1');
    }
    return this.#secondText;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#output.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#output.length * 2, this.#length + bytes));
    this.#output.copy(larger, 0, 0, this.#length);
    this.#output = larger;
  }
}
