import { readCommand } from './command-line.ts';
import { measureRow } from './measure.ts';
import type { RowResult } from './report.ts';
import { ROWS } from './rows.ts';
import { startRows } from './start-rows.ts';
import { answers, loadImage, type Target } from './target.ts';

const USAGE = `Usage: npm run bench -- --engine NAME=unix:///SOCKET [--engine …] [OPTIONS]

Same client, same work, engines by turns; medians, p90, and how the first engine compares with each other one.

  --engine NAME=unix:///SOCKET   an engine; the first is compared with the others
  --pid NAME=PID[,PID…]          its processes, for the rows about memory
  --start NAME=COMMAND           starts it in the foreground, for the rows about starting (it must not run)
  --rounds N                     runs per row (default 20; slow rows take fewer)
  --rows WORD[,WORD…]            only rows whose name holds a word
  --json FILE                    the results, also there
`;

const command = readCommand(USAGE, { rounds: 20, own: ['start'] });
if (command) {
  const { targets, rounds, wants, report } = command;
  report([...(await startRows(targets, rounds)), ...(await runningRows(targets, rounds, wants))]);
}

async function runningRows(
  targets: readonly Target[],
  rounds: number,
  wants: (row: { readonly name: string }) => boolean,
): Promise<RowResult[]> {
  const running: Target[] = [];
  for (const each of targets) if (await answers(each)) running.push(each);
  for (const each of targets) {
    if (running.includes(each) || each.startCommand !== undefined) continue;
    throw new Error(`${each.name} does not answer at ${each.socketPath}, and has no start command`);
  }
  for (const each of running) await loadImage(each);
  const results: RowResult[] = [];
  if (running.length === 0) return [];
  for (const row of ROWS.filter(wants)) results.push(await measureRow(row, running, rounds));
  return results;
}
