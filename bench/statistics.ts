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

/** Linear between the two nearest values of a sorted list. */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new RangeError('no values to summarize');
  return below + (above - below) * (place - Math.floor(place));
}
