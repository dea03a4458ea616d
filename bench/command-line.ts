import { writeFileSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { type RowResult, table } from './report.ts';
import { answers, type Target, target } from './target.ts';

/** What all benchmarks take. */
const OPTIONS = {
  engine: { type: 'string', multiple: true },
  pid: { type: 'string', multiple: true },
  rounds: { type: 'string' },
  rows: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig;

export interface Command {
  readonly targets: readonly Target[];
  readonly rounds: number;
  /** whether a row was asked for */
  readonly wants: (row: { readonly name: string }) => boolean;
  /** prints the results, and keeps them where `--json` says */
  readonly report: (results: readonly RowResult[]) => void;
  /** of an option of the benchmark's own: name → value */
  readonly pairsOf: (option: string) => ReadonlyMap<string, string>;
}

/** @returns undefined when there is nothing to do but to read the usage, which was printed. */
export function readCommand(
  usage: string,
  { rounds: defaultRounds, own = [] }: { readonly rounds: number; readonly own?: readonly string[] },
): Command | undefined {
  const ownOptions = Object.fromEntries(own.map(name => [name, { type: 'string', multiple: true } as const]));
  const { values } = parseArgs({ options: { ...OPTIONS, ...ownOptions } });
  if (values.help || !values.engine) {
    console.log(usage);
    process.exitCode = values.help ? 0 : 2;
    return undefined;
  }
  const given = new Map(Object.entries(values));
  const pairsOf = (option: string): ReadonlyMap<string, string> => {
    const words = given.get(option);
    return pairs(Array.isArray(words) ? words.map(String) : []);
  };
  const pids = pairsOf('pid');
  const starts = pairsOf('start');
  const targets = [...pairsOf('engine')].map(([name, address]) =>
    target(name, address.replace(/^unix:\/\//, ''), {
      pids: (pids.get(name) ?? '').split(',').filter(Boolean).map(Number),
      startCommand: starts.get(name),
    }),
  );
  const words = values.rows?.split(',') ?? [''];
  return {
    targets,
    rounds: Number(values.rounds ?? defaultRounds),
    wants: row => words.some(word => row.name.includes(word)),
    report: results => report(results, { targets, json: values.json }),
    pairsOf,
  };
}

function report(
  results: readonly RowResult[],
  { targets, json }: { readonly targets: readonly Target[]; readonly json: string | undefined },
): void {
  const names = targets.map(({ name }) => name);
  console.log(`\n${table(results, names)}`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ date: new Date(), results }, null, 2)}\n`);
}

/** @throws {Error} unless every engine answers. */
export async function allAnswer(targets: readonly Target[]): Promise<void> {
  for (const each of targets) {
    if (!(await answers(each))) throw new Error(`${each.name} does not answer at ${each.socketPath}`);
  }
}

function pairs(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    words.map(word => {
      const at = word.indexOf('=');
      if (at < 1) throw new Error(`"${word}" should be NAME=VALUE; --help tells more`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
