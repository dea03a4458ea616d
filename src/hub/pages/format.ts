import type { Platform } from '#spec/oci/platform';

const LETTERS = ['', 'K', 'M', 'B', 'T'] as const;

/** A count in little room: `987`, `5.5K`, `12K`, `1.2M`. Cut, not rounded: it never says more than there is. */
export function shortCount(count: number): string {
  const { value, letter } = scaled(count);
  const cut = value < 10 && letter !== '' ? Math.floor(value * 10) / 10 : Math.floor(value);
  return `${cut}${letter}`;
}

/** A count as an order of size: exact below 1,000, then `1K+`, `5K+`, `10K+`, … `500M+`, `1B+`. */
export function roughCount(count: number): string {
  const { value, letter } = scaled(count);
  if (letter === '') return String(value);
  const step = [500, 100, 50, 10, 5].find(candidate => value >= candidate) ?? 1;
  return `${step}${letter}+`;
}

/** A count in full, with separators: `12,345`. */
export function fullCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 tag`, `2 tags`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${fullCount(count)} ${count === 1 ? one : many}`;
}

function scaled(count: number): { readonly value: number; readonly letter: string } {
  let value = Math.max(0, Math.floor(count));
  let index = 0;
  while (value >= 1000 && index < LETTERS.length - 1) {
    value /= 1000;
    index += 1;
  }
  return { value, letter: LETTERS[index] ?? '' };
}

/** Bytes in units of 1000, with three digits that count: `0 B`, `812 B`, `1.21 MB`, `67.3 MB`. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = Math.max(0, bytes);
  let index = 0;
  while (value >= 999.5 && index < units.length - 1) {
    value /= 1000;
    index += 1;
  }
  const digits = index === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[index]}`;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** the first unit that a time is at least one of; a month and a year as long as they are on average */
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['year', 365.25 * DAY],
  ['month', 30.44 * DAY],
  ['week', 7 * DAY],
  ['day', DAY],
  ['hour', HOUR],
  ['minute', MINUTE],
];

/** A time as people say it: `just now`, `3 hours ago`, `in 2 weeks`. */
export function relativeTime(time: number, now: number): string {
  const distance = Math.abs(now - time);
  const [unit, ms] = UNITS.find(([, length]) => distance >= length) ?? ['', 1];
  if (unit === '') return 'just now';
  const isAhead = time > now;
  // What is ahead is rounded: a token for 90 days is one for three months, though two of these are whole.
  const count = isAhead ? Math.round(distance / ms) : Math.floor(distance / ms);
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`;
  return isAhead ? `in ${words}` : `${words} ago`;
}

/** A time to the second, the same for everybody: `2026-11-27 20:31:47 UTC`. */
export function exactTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function isoTime(time: number): string {
  return new Date(time).toISOString();
}

/** `linux/arm64/v8` */
export function platformName({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/');
}

/** The first 12 hexadecimal digits, as `docker images` has them. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}
