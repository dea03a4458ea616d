import type { FileHandle } from 'node:fs/promises';
import { FULL, NEWLINE, PARTIAL, streamAt, TAG_AT, TEXT_AT } from './log-record.ts';

const BLOCK_BYTES = 256 * 1024;
/** conmon's records stay far below this: more without a newline is not a log. */
const MAX_RECORD_BYTES = 1024 * 1024;
/** Below this a chunk is copied out, so that a trickle of lines does not hold a large buffer each. */
const SMALL_BYTES = 32 * 1024;

/**
 * Reads a file in chunks of whole records, and goes on where it was when the file has grown. The next block is read while the
 * caller works on the last one.
 */
export class RecordReader {
  readonly #handle: FileHandle;
  #position: number;
  #buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  /** bytes at the start of the buffer that belong to a record not yet whole */
  #carried = 0;
  #isSkipping = false;
  #ahead: Promise<number> | undefined;

  constructor(handle: FileHandle, position = 0) {
    this.#handle = handle;
    this.#position = position;
  }

  /** Bytes of the file that were read. */
  get position(): number {
    return this.#position;
  }

  /** The last record read so far has no end yet. */
  get isUnfinished(): boolean {
    return this.#carried > 0;
  }

  /** @returns whole records, which belong to the caller, or `undefined` at the present end of the file. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const count = await this.#read();
      if (count === 0) return undefined;
      const filled = this.#carried + count;
      const end = this.#buffer.lastIndexOf(NEWLINE, filled - 1) + 1;
      if (end === 0) {
        this.#carryAll(filled);
        continue;
      }
      const records = this.#take(end, filled);
      if (records.length > 0) return records;
    }
  }

  /** The start of a record whose end will not come, made whole: as a part of a line. */
  takeUnfinished(): Buffer | undefined {
    const rest = Buffer.from(this.#buffer.subarray(0, this.#carried));
    this.#carried = 0;
    const record = Buffer.concat([rest, Buffer.of(NEWLINE)]);
    if (rest.length < TEXT_AT || streamAt(record, 0, record.length) === 0) return undefined;
    if (record[TAG_AT] === FULL) record[TAG_AT] = PARTIAL;
    return record;
  }

  /** Waits for the read that is under way. */
  async settle(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
  }

  async #read(): Promise<number> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    // What was read ahead at the end of the file may be out of date.
    const count = (await ahead) || (await this.#start());
    this.#position += count;
    return count;
  }

  async #start(): Promise<number> {
    const room = this.#buffer.length - this.#carried;
    const { bytesRead } = await this.#handle.read(this.#buffer, this.#carried, room, this.#position);
    return bytesRead;
  }

  #take(end: number, filled: number): Buffer {
    const whole = this.#buffer;
    const carried = filled - end;
    const isSmall = end < SMALL_BYTES;
    const records = isSmall ? Buffer.from(whole.subarray(0, end)) : whole.subarray(0, end);
    if (!isSmall) this.#buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    whole.copy(this.#buffer, 0, end, filled);
    this.#carried = carried;
    if (!isSmall) {
      this.#ahead = this.#start();
      this.#ahead.catch(() => undefined); // reported by the next read
    }
    if (!this.#isSkipping) return records;
    this.#isSkipping = false;
    return records.subarray(records.indexOf(NEWLINE) + 1);
  }

  #carryAll(filled: number): void {
    this.#carried = filled;
    if (filled < this.#buffer.length) return;
    if (filled >= MAX_RECORD_BYTES) {
      this.#isSkipping = true;
      this.#carried = 0;
      return;
    }
    const larger = Buffer.allocUnsafeSlow(filled * 2);
    this.#buffer.copy(larger, 0, 0, filled);
    this.#buffer = larger;
  }
}
