import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type RowResult, table } from './report.ts';
import { ROWS, type Row } from './rows.ts';
import { startRows } from './start-rows.ts';
import { type Summary, summarize } from './statistics.ts';
import { answers, loadImage, type Target, target } from './target.ts';

const USAGE = `Usage: npm run bench -- --engine NAME=unix:///SOCKET [--engine …] [OPTIONS]

Same client, same work, engines by turns; medians, p90, and how the first engine compares with each other one.

  --engine NAME=unix:///SOCKET   an engine; the first is compared with the others
  --pid NAME=PID[,PID…]          its processes, for the rows about memory
  --start NAME=COMMAND           starts it in the foreground, for the rows about starting (it must not run)
  --rounds N                     runs per row (default 20; slow rows take fewer)
  --rows WORD[,WORD…]            only rows whose name holds a word
  --json FILE                    the results, also there
`;

const { values } = parseArgs({
  options: {
    engine: { type: 'string', multiple: true },
    pid: { type: 'string', multiple: true },
    start: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '20' },
    rows: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help || !values.engine) {
  console.log(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  await main(values.engine);
}

async function main(engines: readonly string[]): Promise<void> {
  const pids = pairs(values.pid ?? []);
  const starts = pairs(values.start ?? []);
  const targets = [...pairs(engines)].map(([name, address]) =>
    target(name, address.replace(/^unix:\/\//, ''), {
      pids: (pids.get(name) ?? '').split(',').filter(Boolean).map(Number),
      startCommand: starts.get(name),
    }),
  );
  const rounds = Number(values.rounds);
  const results = [...(await startRows(targets, rounds)), ...(await runningRows(targets, rounds))];
  console.log(
    `\n${table(
      results,
      targets.map(each => each.name),
    )}`,
  );
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ date: new Date(), results }, null, 2)}\n`);
}

async function runningRows(targets: readonly Target[], rounds: number): Promise<RowResult[]> {
  const running: Target[] = [];
  for (const each of targets) if (await answers(each)) running.push(each);
  for (const each of targets) {
    if (running.includes(each) || each.startCommand !== undefined) continue;
    throw new Error(`${each.name} does not answer at ${each.socketPath}, and has no start command`);
  }
  for (const each of running) await loadImage(each);
  const words = values.rows?.split(',') ?? [''];
  const wanted = ROWS.filter(row => words.some(word => row.name.includes(word)));
  const results: RowResult[] = [];
  if (running.length === 0) return [];
  for (const row of wanted) {
    results.push(await measure(row, running, Math.max(3, Math.round(rounds * row.share))));
  }
  return results;
}

/** Engines take turns, and another one begins each round, so that what else the machine does falls on all alike. */
async function measure(row: Row, targets: readonly Target[], rounds: number): Promise<RowResult> {
  process.stderr.write(`${row.name} …\n`);
  const figures = new Map(targets.map(each => [each, [] as number[]]));
  const errors = new Map<Target, string>();
  for (const each of targets) await attempt(errors, each, async () => row.prepare?.(each));
  for (let round = -1; round < rounds; round += 1) {
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

function pairs(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map(word => {
      const at = word.indexOf('=');
      if (at < 1) throw new Error(`"${word}" should be NAME=VALUE\n\n${USAGE}`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
