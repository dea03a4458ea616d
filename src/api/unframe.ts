import { Transform, type TransformCallback } from 'node:stream';

const HEAD_BYTES = 8;

/** Takes Docker's multiplexed frames apart and lets their contents through, whichever stream they are of. */
export class Unframe extends Transform {
  #head: Buffer = Buffer.alloc(0);
  #remaining = 0;

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#remaining === 0) {
        const missing = HEAD_BYTES - this.#head.length;
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#head.length < HEAD_BYTES) break;
        this.#remaining = this.#head.readUInt32BE(4);
        this.#head = Buffer.alloc(0);
      } else {
        const part = rest.subarray(0, this.#remaining);
        this.#remaining -= part.length;
        rest = rest.subarray(part.length);
        this.push(part);
      }
    }
    done();
  }
}
