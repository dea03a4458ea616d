/** Takes whole pieces of what was written; the memory is used again afterwards. */
export type ByteSink = (bytes: Uint8Array) => void;

const BUFFER_BYTES = 64 * 1024;
/** A code and its extra bits need four more bytes at the most. */
const FLUSH_BYTES = BUFFER_BYTES - 8;

/** Bits in the order of RFC 1951, 3.1.1: the first is the lowest of its byte. */
export class BitWriter {
  readonly #sink: ByteSink;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;
  #bits = 0;
  #count = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** The lowest `count` bits of `value`, at most 16. */
  write(value: number, count: number): void {
    this.#bits |= value << this.#count;
    this.#count += count;
    if (this.#count < 16) return;
    const buffer = this.#buffer;
    buffer[this.#length] = this.#bits;
    buffer[this.#length + 1] = this.#bits >>> 8;
    this.#length += 2;
    this.#bits >>>= 16;
    this.#count -= 16;
    if (this.#length >= FLUSH_BYTES) this.#flush();
  }

  /** Fills up the last byte with zeros. */
  align(): void {
    while (this.#count > 0) {
      this.#buffer[this.#length++] = this.#bits;
      this.#bits >>>= 8;
      this.#count = Math.max(0, this.#count - 8);
    }
    this.#bits = 0;
  }

  /** Whole bytes; only after {@link align}. */
  writeBytes(bytes: Uint8Array): void {
    this.end();
    this.#sink(bytes);
  }

  /** Hands everything on, the last byte filled up with zeros. */
  end(): void {
    this.align();
    this.#flush();
  }

  #flush(): void {
    if (this.#length > 0) this.#sink(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }
}
