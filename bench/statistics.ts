/** What one engine took for one row of the table. */
export interface Summary {
  readonly median: number;
  readonly p90: number;
  readonly min: number;
  readonly runs: number;
}

/** @throws {RangeError} without values */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    min: quantile(sorted, 0),
    runs: sorted.length,
  };
}

/** Chance that the median is outside of an interval, above or below. */
const TAIL = 0.025;

/**
 * Where the median of all that could be measured lies, with 95 % confidence, whatever the distribution is: between two of the
 * sorted values. With fewer than six values between the extremes, which is less certain.
 *
 * @throws {RangeError} without values
 */
export function medianInterval(values: readonly number[]): readonly [low: number, high: number] {
  const sorted = [...values].sort((a, b) => a - b);
  // How many of the values are below the median is binomial, with 1/2: skip as many as keep the tail small.
  let skipped = 0;
  let chance = 0.5 ** sorted.length;
  for (let below = chance; below <= TAIL; below += chance) {
    skipped += 1;
    chance *= (sorted.length - skipped + 1) / skipped;
  }
  const rank = Math.max(0, skipped - 1);
  return [at(sorted, rank), at(sorted, sorted.length - 1 - rank)];
}

function at(sorted: readonly number[], index: number): number {
  const value = sorted[index];
  if (value === undefined) throw new RangeError('no values to summarize');
  return value;
}

/** Linear between the two nearest values of a sorted list. */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new RangeError('no values to summarize');
  return below + (above - below) * (place - Math.floor(place));
}
