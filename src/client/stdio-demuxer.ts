/** Which stream of a container a piece of output belongs to. */
export type StdioStream = 'stdout' | 'stderr';

export interface StdioPiece {
  readonly stream: StdioStream;
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 8;
const SYSTEM_ERROR = 3;

/**
 * Takes the multiplexed stream of attach, logs and exec apart: frames of `[type, 0, 0, 0, size as 4 bytes big-endian]`
 * and payload, where type is 0 or 1 for stdout, 2 for stderr, 3 for an error of the engine (Engine API, "Stream format").
 *
 * Output often comes as frames of one short line each. The payloads of neighbouring frames of one stream are
 * moved together inside the chunk, so that a chunk costs one write, not a thousand.
 */
export class StdioDemuxer {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #type = 0;
  /** bytes of the current frame's payload still to come */
  #remaining = 0;
  #errorText = '';

  /**
   * The output in `chunk`. The bytes of `chunk` are reused for it: the caller gives the chunk up.
   *
   * @throws {Error} when the stream is not one of frames, or carries an error of the engine.
   */
  push(chunk: Uint8Array): StdioPiece[] {
    const pieces: StdioPiece[] = [];
    let stream: StdioStream | undefined;
    let start = 0;
    let end = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining === 0) {
        at = this.#readHeader(chunk, at);
        continue;
      }
      const size = Math.min(this.#remaining, chunk.length - at);
      const target = this.#type === 2 ? 'stderr' : 'stdout';
      if (this.#type === SYSTEM_ERROR) {
        this.#errorText += Buffer.from(chunk.buffer, chunk.byteOffset + at, size).toString();
      } else if (stream === target) {
        chunk.copyWithin(end, at, at + size);
        end += size;
      } else {
        if (stream) pieces.push({ stream, bytes: chunk.subarray(start, end) });
        stream = target;
        start = at;
        end = at + size;
      }
      at += size;
      this.#remaining -= size;
      if (this.#type === SYSTEM_ERROR && this.#remaining === 0) {
        throw new Error(`error from daemon in stream: ${this.#errorText.trim()}`);
      }
    }
    if (stream) pieces.push({ stream, bytes: chunk.subarray(start, end) });
    return pieces;
  }

  #readHeader(chunk: Uint8Array, from: number): number {
    const header = this.#header;
    let at = from;
    while (this.#headerBytes < HEADER_BYTES && at < chunk.length) {
      header[this.#headerBytes++] = chunk[at++] ?? 0;
    }
    if (this.#headerBytes < HEADER_BYTES) return at;
    this.#headerBytes = 0;
    const [type = 0, , , , a = 0, b = 0, c = 0, d = 0] = header;
    if (type > SYSTEM_ERROR) throw new Error(`unrecognized stream: ${type}`);
    this.#type = type;
    this.#remaining = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    return at;
  }
}
