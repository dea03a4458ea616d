import { CliError } from './cli-error.ts';
import { readDuration } from './flag-values.ts';

/**
 * A moment as people write it, as the API takes it (seconds since 1970, with nine digits behind the point): `10m` ago,
 * `2026-01-02T15:04:05Z`, `2026-01-02` (local time), `1767366245.5`.
 *
 * @throws {CliError} for anything else.
 */
export function toTimestamp(text: string, now: number): string {
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text;
  const past = durationMs(text);
  if (past !== undefined) return seconds(now - past);
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d(?::\d\d(?::\d\d)?)?)(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?$/i.exec(
    text,
  );
  if (match) {
    const [, date = '', time = '00:00', fraction = '', zone = ''] = match;
    const whole = new Date(
      `${date}T${time.length === 2 ? `${time}:00` : time}${zone.toUpperCase()}`,
    ).getTime();
    if (!Number.isNaN(whole)) return `${Math.floor(whole / 1000)}.${fraction.slice(1).padEnd(9, '0')}`;
  }
  throw new CliError(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
}

function durationMs(text: string): number | undefined {
  try {
    return readDuration(text) / 1e6;
  } catch {
    return undefined;
  }
}

function seconds(ms: number): string {
  const whole = Math.floor(ms / 1000);
  return `${whole}.${String(Math.round((ms - whole * 1000) * 1e6)).padStart(9, '0')}`;
}
