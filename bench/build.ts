import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allAnswer, readCommand } from './command-line.ts';
import { measureRow } from './measure.ts';
import type { RowResult } from './report.ts';
import type { Row } from './rows.ts';
import { docker, loadImage, type Target } from './target.ts';

const USAGE = `Usage: npm run bench:build -- --engine NAME=unix:///SOCKET [--engine …] [OPTIONS]

Builds from Dockerfiles by the same Docker command line (the classic way, without BuildKit), engines by turns; medians, p90,
and how the first engine compares with each other one.

  --engine NAME=unix:///SOCKET   an engine; the first is compared with the others
  --rounds N                     runs per row (default 10; slow rows take fewer)
  --rows WORD[,WORD…]            only rows whose name holds a word
  --json FILE                    the results, also there
`;

const TAG = 'quai-bench-build:1';
const FILES = 20_000;
const FILE_BYTES = 2_000;
const FILES_PER_FOLDER = 200;

const command = readCommand(USAGE, { rounds: 10, own: [] });
if (command) {
  await allAnswer(command.targets);
  for (const each of command.targets) await loadImage(each);
  const folder = mkdtempSync(join(tmpdir(), 'quai-bench-build-'));
  try {
    const results: RowResult[] = [];
    for (const row of buildRows(folder).filter(command.wants))
      results.push(await measureRow(row, command.targets, command.rounds, { fewest: 1 }));
    for (const each of command.targets) each.client.close();
    command.report(results);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function buildRows(base: string): Row[] {
  const steps = project(base, 'steps', `FROM busybox\n${'RUN true\n'.repeat(10)}`);
  const one = project(base, 'one', 'FROM busybox\nRUN true\n');
  const labels = project(base, 'labels', `FROM busybox\n${'LABEL a=b\n'.repeat(10)}CMD ["sh"]\n`);
  const many = project(base, 'many', 'FROM busybox\nCOPY files /files\n');
  fill(join(many, 'files'));
  return [
    row('build, all of it cached (10 RUN)', {
      prepare: on => build(on, steps),
      measure: on => build(on, steps),
    }),
    row('build, RUN true', { measure: on => build(on, one, '--no-cache') }),
    row('build, RUN true 10 times', { share: 0.5, measure: on => build(on, steps, '--no-cache') }),
    row('build, 10 LABEL and CMD', { measure: on => build(on, labels, '--no-cache') }),
    row('build, COPY of 20,000 files', {
      share: 0.2,
      isSlow: true,
      measure: on => build(on, many, '--no-cache'),
    }),
    row('build, COPY of 20,000 files, cached', {
      share: 0.2,
      isSlow: true,
      prepare: on => build(on, many),
      measure: on => build(on, many),
    }),
  ];
}

function row(name: string, rest: Pick<Row, 'measure'> & Partial<Row>): Row {
  return { share: 1, unit: 'ms', isRate: false, tidy: remove, ...rest, name };
}

function build(on: Target, folder: string, ...words: string[]): Promise<number> {
  return docker(on, ['build', '-q', '-t', TAG, ...words, folder]);
}

/** The image, and what every round before it left without a name. */
async function remove(on: Target): Promise<void> {
  for (const name of [TAG, `localhost/${TAG}`]) {
    await docker(on, ['rmi', '--force', name]).catch((error: unknown) => {
      if (!/no such image|image not known/i.test(String(error))) throw error;
    });
  }
  await docker(on, ['image', 'prune', '--force']);
  await docker(on, ['builder', 'prune', '--force', '--all']).catch(() => undefined); // Podman has none
}

function project(base: string, name: string, dockerfile: string): string {
  const folder = join(base, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'Dockerfile'), dockerfile);
  return folder;
}

/** Files like sources: small, and all different. */
function fill(folder: string): void {
  for (let index = 0; index < FILES; index++) {
    const below = join(folder, `d${Math.floor(index / FILES_PER_FOLDER)}`);
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `f${index}`), `${index} `.repeat(FILE_BYTES).slice(0, FILE_BYTES));
  }
}
