import { once } from 'node:events';
import type { RowResult } from './report.ts';
import { createMany, removeMany } from './rows.ts';
import { type Summary, summarize } from './statistics.ts';
import { answers, loadImage, startEngine, type Target } from './target.ts';

const COUNTS = [0, 100] as const;
const MOST_ROUNDS = 10;

/** Engine start to first answer, without containers and with 100 that do not run. Only for engines with a start command. */
export async function startRows(targets: readonly Target[], rounds: number): Promise<RowResult[]> {
  const startable = targets.filter(each => each.startCommand !== undefined);
  if (startable.length === 0) return [];
  for (const each of startable) {
    if (await answers(each)) throw new Error(`${each.name} runs already: stop it to measure its start`);
  }
  const results: RowResult[] = [];
  for (const count of COUNTS) {
    const figures = new Map<Target, number[]>(startable.map(each => [each, []]));
    if (count > 0) for (const each of startable) await whileRunning(each, () => fill(each, count));
    for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round += 1) {
      for (const each of startable) figures.get(each)?.push(await startAndStop(each));
    }
    if (count > 0) for (const each of startable) await whileRunning(each, () => removeMany(each, count));
    results.push({
      row: { name: `start, ${count} containers`, unit: 'ms', isRate: false },
      engines: Object.fromEntries(
        startable.map((each): [string, Summary] => [each.name, summarize(figures.get(each) ?? [])]),
      ),
    });
  }
  return results;
}

async function fill(on: Target, count: number): Promise<void> {
  await loadImage(on);
  await createMany(on, count);
}

async function startAndStop(on: Target): Promise<number> {
  let took = 0;
  await whileRunning(on, async ms => {
    took = ms;
  });
  return took;
}

async function whileRunning(on: Target, work: (startMs: number) => Promise<unknown>): Promise<void> {
  const { child, ms } = await startEngine(on);
  const gone = once(child, 'exit');
  try {
    await work(ms);
  } finally {
    on.client.close();
    child.kill('SIGTERM');
    await gone;
  }
}
