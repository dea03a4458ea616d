import { EngineError } from '#base/errors';
import type { Filters } from '#spec/docker/filters';
import { parseTimestamp } from '#spec/docker/timestamp';

/** The `until` filter of prunes: whether something made at `createdAt` (milliseconds since 1970) is old enough. */
export function untilFilter(filters: Filters): (createdAt: number) => boolean {
  const given = filters.get('until');
  if (!given || given.length === 0) return () => true;
  if (given.length > 1) throw new EngineError('invalid', 'more than one until filter specified');
  const nanos = parseTimestamp(given[0] ?? '', Date.now());
  if (nanos === undefined) throw new EngineError('invalid', "invalid filter 'until='");
  const untilMs = Number(nanos / 1_000_000n);
  return createdAt => createdAt < untilMs;
}
