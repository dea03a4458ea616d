import { OUTPUT_HEADROOM, type OutputPacket } from './process-runtime.ts';

/** More queued bytes than this, and the source is asked to pause; it resumes below half of it. */
const HIGH_WATER_BYTES = 256 * 1024;
const SLAB_BYTES = 256 * 1024;
/** What is handed over at once: each packet costs a system call here, and wakes the client. */
const PACKET_BYTES = 64 * 1024;
/** How long a process that writes much is waited for to fill a packet. */
const GATHER_MS = 1;

/** Who fills the queue. */
export interface OutputSource {
  resume(): void;
  destroy(): void;
}

/** Neighbouring output of one stream, as it lies in a slab. */
interface Run {
  readonly stream: OutputPacket['stream'];
  readonly slab: Buffer;
  readonly start: number;
  end: number;
}

/**
 * Output of a process between those who read it and one consumer, who sets the pace: a full queue pauses the source.
 *
 * What arrives closely together is joined: a process that writes much is read in many small pieces, and each piece passed
 * on by itself would cost more than its bytes, here and at the client. Runs are carved out of large slabs, each with
 * {@link OUTPUT_HEADROOM} bytes in front.
 */
export class OutputQueue implements AsyncIterable<OutputPacket> {
  readonly #runs: Run[] = [];
  #slab = Buffer.alloc(0);
  #offset = 0;
  #queuedBytes = 0;
  #isPaused = false;
  #isEnded = false;
  #deliveredAt = Number.NEGATIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #source: OutputSource | undefined;
  #reader: PromiseWithResolvers<IteratorResult<OutputPacket, undefined>> | undefined;

  setSource(source: OutputSource): void {
    this.#source = source;
  }

  /** Copies the bytes, whose memory stays the caller's. @returns whether there is room for more. */
  add(stream: OutputPacket['stream'], bytes: Buffer): boolean {
    const run = this.#runFor(stream, bytes.length);
    bytes.copy(run.slab, run.end);
    run.end += bytes.length;
    this.#offset = run.end;
    this.#queuedBytes += bytes.length;
    this.#isPaused = this.#queuedBytes >= HIGH_WATER_BYTES;
    this.#wake();
    return !this.#isPaused;
  }

  /** Nothing will follow; with an error, the reader gets that after what is queued. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = error;
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputPacket, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#source?.destroy();
        this.end();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** The last run when the bytes go on with it, otherwise a new one. */
  #runFor(stream: OutputPacket['stream'], length: number): Run {
    const last = this.#runs.at(-1);
    const isSame = last?.stream === stream && last.slab === this.#slab;
    const fits = last && last.end - last.start + length <= PACKET_BYTES;
    if (isSame && fits && last.end + length <= last.slab.length) return last;
    if (this.#offset + OUTPUT_HEADROOM + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, OUTPUT_HEADROOM + length));
      this.#offset = 0;
    }
    const start = this.#offset + OUTPUT_HEADROOM;
    const run: Run = { stream, slab: this.#slab, start, end: start };
    this.#runs.push(run);
    return run;
  }

  /**
   * Tells a reader that waits: at once when a packet is full, or when the last one is some time ago, because somebody
   * may be typing; otherwise it is given the time to fill.
   */
  #wake(): void {
    if (!this.#reader) return;
    if (this.#isEnded || this.#runs.length > 1 || this.#queuedBytes >= PACKET_BYTES) this.#deliver();
    else if (performance.now() - this.#deliveredAt >= GATHER_MS)
      this.#immediate ??= setImmediate(this.#deliver);
    else this.#timer ??= setTimeout(this.#deliver, GATHER_MS);
  }

  readonly #deliver = (): void => {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader) this.#next().then(reader.resolve, reader.reject);
  };

  #next(): Promise<IteratorResult<OutputPacket, undefined>> {
    const run = this.#runs.shift();
    if (run) {
      this.#queuedBytes -= run.end - run.start;
      this.#deliveredAt = performance.now();
      if (this.#isPaused && this.#queuedBytes <= HIGH_WATER_BYTES / 2) {
        this.#isPaused = false;
        this.#source?.resume();
      }
      const { stream, slab, start, end } = run;
      return Promise.resolve({ done: false, value: { stream, data: slab.subarray(start, end) } });
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }
}
