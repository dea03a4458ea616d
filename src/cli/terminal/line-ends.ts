const RETURN = 0x0d;
const LINE_FEED = 0x0a;
const VERTICAL_TAB = 0x0b;

/**
 * Prepares a container terminal's output for ours.
 *
 * The container's terminal has already made its line ends: `\r\n` for a new line, a lone `\n` for one line down in the same
 * column, which full-screen programs use. But Node's raw mode leaves our terminal adding a `\r` to every `\n`, and
 * only a system call could stop that. So `\r\n` goes out as `\n`, and a lone `\n` as the vertical tab, which terminals take for
 * one line down (as the VT100 did) and the kernel leaves alone.
 */
export class LineEnds {
  #endedInReturn = false;

  /** The bytes to write instead of `chunk`. The chunk is changed in place: the caller gives it up. */
  convert(chunk: Uint8Array): Uint8Array {
    let length = 0;
    let previous = this.#endedInReturn ? RETURN : 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      let out = byte;
      if (byte === LINE_FEED) {
        if (previous !== RETURN) out = VERTICAL_TAB;
        else if (at > 0) length--; // over the \r, unless that was written with the chunk before
      }
      chunk[length++] = out;
      previous = byte;
    }
    this.#endedInReturn = previous === RETURN;
    return chunk.subarray(0, length);
  }
}
