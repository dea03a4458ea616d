import type { RowResult } from './report.ts';
import type { Row } from './rows.ts';
import { type Summary, summarize } from './statistics.ts';
import type { Target } from './target.ts';

const FEWEST_ROUNDS = 3;

/**
 * Runs one row. Engines take turns, and another one begins each round, so that what else the machine does falls on all
 * alike. An engine that fails is left out from there on.
 *
 * @param rounds as many as the row's share of it, after one that warms up
 */
export async function measureRow(
  row: Row,
  targets: readonly Target[],
  rounds: number,
  { fewest = FEWEST_ROUNDS }: { readonly fewest?: number } = {},
): Promise<RowResult> {
  process.stderr.write(`${row.name} …\n`);
  const count = Math.max(fewest, Math.round(rounds * row.share));
  const figures = new Map(targets.map(each => [each, [] as number[]]));
  const errors = new Map<Target, string>();
  for (const each of targets) await attempt(errors, each, async () => row.prepare?.(each));
  for (let round = row.isSlow ? 0 : -1; round < count; round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const each = targets[(turn + round + targets.length) % targets.length];
      if (!each || errors.has(each)) continue;
      await attempt(errors, each, async () => {
        const figure = await row.measure(each);
        if (round >= 0) figures.get(each)?.push(figure); // the first round warms up
      });
    }
  }
  for (const each of targets) await row.tidy?.(each);
  return {
    row,
    engines: Object.fromEntries(targets.map(each => [each.name, outcome(each, figures, errors)])),
  };
}

async function attempt(errors: Map<Target, string>, on: Target, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    errors.set(on, message);
    process.stderr.write(`  ${message}\n`);
  }
}

function outcome(
  on: Target,
  figures: ReadonlyMap<Target, readonly number[]>,
  errors: ReadonlyMap<Target, string>,
): Summary | { readonly error: string } {
  const error = errors.get(on);
  return error === undefined ? summarize(figures.get(on) ?? []) : { error };
}
