const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** Powers of 1000 with so many digits: `1.84kB`, `247MB` (go-units `HumanSizeWithPrecision`). */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, 1000, DECIMAL, digits);
}

/** Powers of 1024 with four digits: `23.54GiB` (go-units `BytesSize`). */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, BINARY, 4);
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit++;
  }
  return `${Number(size.toPrecision(digits))}${units[unit]}`;
}

/** A length of time as people say it: `27 minutes`, `About an hour` (go-units `HumanDuration`). */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(ms / 3_600_000 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 7 * 2) return `${days} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(days / 30)} months`;
  return `${Math.trunc(ms / 3_600_000 / 24 / 365)} years`;
}

/** `text` cut to `length` characters, the last of which is then `…`. */
export function ellipsis(text: string, length: number): string {
  const letters = Array.from(text);
  if (letters.length <= length) return text;
  return length <= 0 ? '' : `${letters.slice(0, length - 1).join('')}…`;
}

/** A time in the local zone, as Go prints it: `2026-01-02 15:04:05 +0100 CET`. `fraction` is `.5` or so of a second. */
export function localTime(ms: number, fraction = ''): string {
  const date = new Date(ms);
  const zone = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(part => part.type === 'timeZoneName')?.value;
  return `${isoLike(date).replace('T', ' ').slice(0, 19)}${fraction} ${offset(date, '')} ${zone ?? ''}`.trimEnd();
}

/** RFC 3339 with nine digits in the local zone, `Z` for UTC, as event lists show it; `nanos` are those below the millisecond. */
export function localRfc3339Nano(ms: number, nanosBelowMs = 0): string {
  const date = new Date(ms);
  return `${isoLike(date)}${String(nanosBelowMs).padStart(6, '0')}${date.getTimezoneOffset() === 0 ? 'Z' : offset(date, ':')}`;
}

function isoLike(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}

function offset(date: Date, separator: string): string {
  const minutes = -date.getTimezoneOffset();
  const [hours, rest] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}${separator}${String(rest).padStart(2, '0')}`;
}
