/** How long to wait before another attempt: twice as long each time, and never all clients at once. */
export interface BackOff {
  /** attempts in all, the first one too */
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** A server that asks for more than this is not waited for. */
  readonly mostRetryAfterMs: number;
  /** 0 to 1 */
  readonly random: () => number;
}

export const DEFAULT_BACK_OFF: BackOff = {
  attempts: 5,
  baseMs: 500,
  capMs: 20_000,
  mostRetryAfterMs: 60_000,
  random: Math.random,
};

/** What an attempt must bring to count as getting on: else a server could have us come back for every byte. */
export const PROGRESS_BYTES = 64 * 1024;

/**
 * Milliseconds before the attempt after `failures` ones, or `undefined` to give up. Half of it is chance, so that
 * clients that were cut together do not come back together.
 *
 * @param retryAfterMs what the server asked for; never less is waited
 */
export function delayMs(
  { attempts, baseMs, capMs, mostRetryAfterMs, random }: BackOff,
  failures: number,
  retryAfterMs = 0,
): number | undefined {
  if (failures >= attempts || retryAfterMs > mostRetryAfterMs) return undefined;
  const full = Math.min(capMs, baseMs * 2 ** (failures - 1));
  return Math.max(retryAfterMs, full / 2 + (full / 2) * random());
}

/** `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). 0 when absent or senseless. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Za-z]{3},/.test(text)) return 0;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
