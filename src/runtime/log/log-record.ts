/**
 * The format conmon writes ("k8s-file"), one record a line:
 *
 *     2026-11-21T08:07:00.242950316+00:00 stdout F the text
 *
 * `F` ends a line of output, `P` is a part of one; the text itself has no newline. The time is local, its fields have a
 * fixed width, so that everything stands at a fixed place.
 */
export const TIME_BYTES = 35;
/** the letter that tells `stdout` and `stderr` apart */
export const STREAM_AT = 39;
export const TAG_AT = 43;
export const TEXT_AT = 45;

export const NEWLINE = 0x0a;
export const FULL = 0x46;
export const PARTIAL = 0x50;
const SPACE = 0x20;
const LETTER_O = 0x6f;
const LETTER_E = 0x65;
const MINUS = 0x2d;

/** Numbers of the streams in Docker's frames, which serve as bits too. */
export const STDOUT = 1;
export const STDERR = 2;

/** @returns which stream the record at `start` belongs to, or 0 when there is no record. `end` is behind its newline. */
export function streamAt(bytes: Uint8Array, start: number, end: number): number {
  if (
    end - start <= TEXT_AT ||
    bytes[start + TIME_BYTES] !== SPACE ||
    bytes[start + 42] !== SPACE ||
    bytes[start + 44] !== SPACE
  ) {
    return 0;
  }
  const tag = bytes[start + TAG_AT];
  if (tag !== FULL && tag !== PARTIAL) return 0;
  const letter = bytes[start + STREAM_AT];
  if (letter === LETTER_O) return STDOUT;
  return letter === LETTER_E ? STDERR : 0;
}

/** A moment, split because a double cannot hold nanoseconds since 1970. */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

export function toMoment(nanos: bigint): Moment {
  const seconds = nanos / 1_000_000_000n;
  return { seconds: Number(seconds), nanos: Number(nanos - seconds * 1_000_000_000n) };
}

/** Seconds since 1970 of the record at `start`, in UTC. Makes no objects. */
export function secondsAt(bytes: Uint8Array, start: number): number {
  const year = digitsAt(bytes, start, 4);
  const month = digitsAt(bytes, start + 5, 2);
  const day = digitsAt(bytes, start + 8, 2);
  const time =
    digitsAt(bytes, start + 11, 2) * 3600 +
    digitsAt(bytes, start + 14, 2) * 60 +
    digitsAt(bytes, start + 17, 2);
  const zone = digitsAt(bytes, start + 30, 2) * 3600 + digitsAt(bytes, start + 33, 2) * 60;
  return daysSince1970(year, month, day) * 86_400 + time - (bytes[start + 29] === MINUS ? -zone : zone);
}

export function nanosAt(bytes: Uint8Array, start: number): number {
  return digitsAt(bytes, start + 20, 9);
}

function digitsAt(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at += 1) value = value * 10 + ((bytes[at] ?? 0) - 0x30);
  return value;
}

/** Days in the Gregorian calendar; a year is taken to begin in March, so that the leap day is its last. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
