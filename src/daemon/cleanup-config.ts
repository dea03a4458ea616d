import * as v from 'valibot';
import { type CleanupPolicy, DEFAULT_CLEANUP } from '#image/cleanup/cleanup-plan';

const days = v.pipe(v.number(), v.minValue(1, 'nothing younger than a day is ever removed'));
const percent = v.pipe(v.number(), v.minValue(1), v.maxValue(99));

/** `image-cleanup` of the daemon's file. 0 for `dangling-days` turns that off. */
export const CleanupConfig = v.pipe(
  v.strictObject({
    'dangling-days': v.optional(v.union([v.literal(0), days])),
    'unused-days': v.optional(days),
    'keep-labels': v.optional(v.array(v.string())),
    'high-water': v.optional(percent),
    'low-water': v.optional(percent),
  }),
  v.check(
    given => given['low-water'] === undefined || (given['high-water'] ?? 0) > given['low-water'],
    'high-water must be above low-water',
  ),
);

const WATER_GAP = 10;

export function cleanupPolicy(given: v.InferOutput<typeof CleanupConfig> = {}): CleanupPolicy {
  const {
    'dangling-days': danglingDays = DEFAULT_CLEANUP.danglingDays,
    'unused-days': unusedDays,
    'keep-labels': keepLabels = [],
    'high-water': high,
  } = given;
  return {
    keepLabels,
    ...(danglingDays ? { danglingDays } : {}),
    ...(unusedDays === undefined ? {} : { unusedDays }),
    ...(high === undefined
      ? {}
      : { water: { high, low: given['low-water'] ?? Math.max(1, high - WATER_GAP) } }),
  };
}
