import { FULL, NEWLINE, streamAt, TAG_AT, TEXT_AT } from './log-record.ts';
import type { RecordFilter } from './record-filter.ts';

/** Docker's frame header: stream, three zeros, length as 32 bits big-endian */
export const FRAME_HEADER_BYTES = 8;
/** Clients collect a whole frame before they show it. */
const MAX_FRAME_BYTES = 64 * 1024;
/** Up to here a loop copies faster than a call of the library. */
const SHORT_TEXT = 96;

/** How a client reads text. */
export interface Framing {
  /** text as it is, else Docker's frames */
  readonly isRaw: boolean;
  /** A frame may hold many lines: ten times as fast to read. Else each line has its own, as with Docker. */
  readonly sharesFrames: boolean;
}

export interface Compacted {
  /** what the client gets stands at the start of the buffer, this long */
  readonly length: number;
  /** a record later than wanted was met: there is nothing more to read */
  readonly isPast: boolean;
}

/**
 * Turns whole records into what a client reads, in place: text that is raw, or in frames, one for each record or shared by
 * neighbouring lines of one stream. A record's own header is always longer than a frame's, so the writer never overtakes the reader.
 *
 * This is the hot loop of `logs` (millions of lines a second): it makes no object and no call for an ordinary line.
 */
export function compactRecords(
  bytes: Buffer,
  end: number,
  filter: RecordFilter,
  { isRaw, sharesFrames }: Framing,
): Compacted {
  const { streams, isTimed } = filter;
  let to = 0;
  let frame = 0; // start of the open frame
  let frameStream = 0; // its stream, 0: none is open
  let at = 0;
  while (at < end) {
    const start = at;
    const stream = streamAt(bytes, start, end);
    const isWanted = (stream & streams) !== 0;
    const place = isWanted && isTimed ? filter.place(bytes, start) : 'within';
    if (!isWanted || place !== 'within') {
      if (place === 'after') return { length: closeFrame(bytes, frame, frameStream, to), isPast: true };
      at = bytes.indexOf(NEWLINE, start) + 1;
      continue;
    }
    if (!isRaw && (!sharesFrames || stream !== frameStream || to - frame > MAX_FRAME_BYTES)) {
      to = closeFrame(bytes, frame, frameStream, to);
      frame = to;
      frameStream = stream;
      to += FRAME_HEADER_BYTES;
    }
    const isFull = bytes[start + TAG_AT] === FULL;
    at = start + TEXT_AT;
    const shortEnd = at + SHORT_TEXT;
    let byte = bytes[at] ?? NEWLINE;
    while (byte !== NEWLINE && at < shortEnd) {
      bytes[to] = byte;
      to += 1;
      at += 1;
      byte = bytes[at] ?? NEWLINE;
    }
    if (byte !== NEWLINE) {
      const textEnd = bytes.indexOf(NEWLINE, at);
      bytes.copyWithin(to, at, textEnd);
      to += textEnd - at;
      at = textEnd;
    }
    at += 1;
    if (isFull) {
      bytes[to] = NEWLINE;
      to += 1;
    }
  }
  return { length: closeFrame(bytes, frame, frameStream, to), isPast: false };
}

/** @returns where the next frame may begin: an empty frame is taken back. */
function closeFrame(bytes: Buffer, frame: number, stream: number, to: number): number {
  if (stream === 0) return to;
  const length = to - frame - FRAME_HEADER_BYTES;
  bytes.writeUInt32BE(stream * 0x0100_0000, frame);
  bytes.writeUInt32BE(length, frame + 4);
  return length === 0 ? frame : to;
}
