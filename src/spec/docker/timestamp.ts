import { EngineError } from '#base/errors';

/** Go's zero time, which Docker sends for "never". */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MS = 1_000_000n;
const UNIT_NANOS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * A point in time as clients give it: Unix seconds with an optional fraction (what the Docker CLI sends), RFC 3339 in
 * full or in part (taken as UTC), or a Go duration (`1h30m`) before now.
 *
 * @returns nanoseconds since 1970; `undefined` for an empty text.
 * @throws {EngineError} `invalid`.
 */
export function parseTimestamp(text: string, nowMs: number): bigint | undefined {
  if (text === '') return undefined;
  const unix = /^(-?\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) {
    const fraction = BigInt((unix[2] ?? '').padEnd(9, '0'));
    return BigInt(unix[1] ?? '') * NANOS_PER_SECOND + fraction;
  }
  const ago = durationNanos(text);
  if (ago !== undefined) return BigInt(nowMs) * NANOS_PER_MS - ago;
  return parseDate(text);
}

/** RFC 3339, in UTC, as precise as milliseconds are; {@link ZERO_TIME} for a time that never was. */
export function toTimestamp(ms: number | undefined): string {
  return ms === undefined ? ZERO_TIME : new Date(ms).toISOString();
}

function durationNanos(text: string): bigint | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(count) * (UNIT_NANOS[unit ?? ''] ?? 0);
  }
  return Number.isSafeInteger(Math.trunc(total)) ? BigInt(Math.trunc(total)) : undefined;
}

function parseDate(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d){0,2})(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const time = `${match?.[2] ?? '00'}:00:00`.slice(0, 8);
  const ms = match ? Date.parse(`${match[1]}T${time}${match[4] ?? 'Z'}`) : Number.NaN;
  if (Number.isNaN(ms))
    throw new EngineError('invalid', `invalid timestamp "${text}": use Unix seconds or RFC 3339`);
  return BigInt(ms) * NANOS_PER_MS + BigInt((match?.[3] ?? '').padEnd(9, '0'));
}
