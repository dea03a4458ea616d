import type { IncomingHttpHeaders } from 'node:http';

/** How much a registry still lets us pull, as Docker Hub tells it. */
export interface RateLimit {
  /** pulls per window */
  readonly limit: number;
  readonly remaining: number;
  readonly windowSeconds: number;
}

/** `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600` (docs.docker.com, "usage and limits"). */
export function rateLimitOf(headers: IncomingHttpHeaders): RateLimit | undefined {
  const limit = quota(headers['ratelimit-limit']);
  const remaining = quota(headers['ratelimit-remaining']);
  if (!limit || !remaining) return undefined;
  return { limit: limit.count, remaining: remaining.count, windowSeconds: limit.windowSeconds };
}

/** `76 of 100 pulls left, per 6 h` */
export function rateLimitText({ limit, remaining, windowSeconds }: RateLimit): string {
  const period = windowSeconds > 0 ? `, per ${durationText(windowSeconds)}` : '';
  return `${remaining} of ${limit} pulls left${period}`;
}

export function durationText(seconds: number): string {
  for (const [unit, length] of UNITS) if (seconds % length === 0) return `${seconds / length} ${unit}`;
  return `${seconds} s`;
}

const UNITS = [
  ['h', 3600],
  ['min', 60],
] as const;

function quota(header: string | string[] | undefined): { count: number; windowSeconds: number } | undefined {
  const [, count, window = '0'] =
    /^\s*(\d{1,12})(?:\s*;\s*w=(\d{1,12}))?/.exec([header ?? ''].flat()[0] ?? '') ?? [];
  return count === undefined ? undefined : { count: Number(count), windowSeconds: Number(window) };
}
