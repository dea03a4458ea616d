const RETURN = 0x0d;
const LINE_FEED = 0x0a;
const SEMICOLON = 0x3b;
/** Far more than any engine sends in one, and far from losing precision. */
const MOST_BYTES = 2 ** 40;

/**
 * Takes a body in chunks apart (RFC 9112, section 7.1). Engines send log lines as one chunk each; the data of neighbouring
 * chunks is moved together in the piece it came in, so that a piece costs one step, not a thousand.
 */
export class ChunkedDecoder {
  #state: 'size' | 'extension' | 'data' | 'dataEnd' | 'trailer' | 'done' = 'size';
  #size = 0;
  #hasDigits = false;
  #isLineEmpty = true;

  /** The last chunk and the trailer have been read. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /**
   * The data in `piece`, whose bytes are reused for it, and how much of `piece` belonged to the body.
   *
   * @throws {Error} when it is not in chunks.
   */
  push(piece: Uint8Array): { readonly data: Uint8Array; readonly used: number } {
    let length = 0;
    let at = 0;
    while (at < piece.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const size = Math.min(this.#size, piece.length - at);
        piece.copyWithin(length, at, at + size);
        length += size;
        at += size;
        this.#size -= size;
        if (this.#size === 0) this.#state = 'dataEnd';
      } else this.#readByte(piece[at++] ?? 0);
    }
    return { data: piece.subarray(0, length), used: at };
  }

  #readByte(byte: number): void {
    if (byte === LINE_FEED) this.#endLine();
    else if (byte === RETURN) return;
    else if (this.#state === 'trailer') this.#isLineEmpty = false;
    else if (this.#state === 'size') this.#readSize(byte);
    else if (this.#state === 'dataEnd')
      throw new Error('the engine sent a chunk that is longer than announced');
  }

  #readSize(byte: number): void {
    if (byte === SEMICOLON) {
      this.#state = 'extension';
      return;
    }
    const digit = Number.parseInt(String.fromCharCode(byte), 16);
    if (Number.isNaN(digit) || this.#size > MOST_BYTES)
      throw new Error('the engine sent a chunk of no valid size');
    this.#size = this.#size * 16 + digit;
    this.#hasDigits = true;
  }

  #endLine(): void {
    switch (this.#state) {
      case 'size':
      case 'extension':
        if (!this.#hasDigits) throw new Error('the engine sent a chunk of no valid size');
        this.#hasDigits = false;
        this.#state = this.#size > 0 ? 'data' : 'trailer';
        return;
      case 'dataEnd':
        this.#state = 'size';
        return;
      case 'trailer':
        if (this.#isLineEmpty) this.#state = 'done';
        this.#isLineEmpty = true;
        return;
      case 'data':
      case 'done':
        return;
    }
  }
}
