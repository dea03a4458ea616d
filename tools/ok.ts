import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import manifest from '../package.json' with { type: 'json' };

/** The gate, run before every commit: all checks side by side, the output of those that fail, exit status. */
const checks: Readonly<Record<string, readonly string[]>> = {
  typecheck: ['tsc', '--noEmit'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  format: ['biome', 'ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=10', '.'],
  'unit tests': [
    'node',
    '--test',
    '--test-isolation=none',
    '--test-timeout=30000',
    '--test-reporter=dot',
    'src/**/*.test.ts',
    'tools/**/*.test.ts',
    'bench/**/*.test.ts',
  ],
};

const MOST_LINES = 80;

interface Outcome {
  readonly name: string;
  readonly isOk: boolean;
  readonly output: string;
}

requireInstalled();
const outcomes = await Promise.all(Object.entries(checks).map(([name, command]) => run(name, command)));
const failed = outcomes.filter(outcome => !outcome.isOk);
for (const { name, output } of failed) console.log(`\n── ${name}\n${head(output)}`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** What somebody else has added since the last installation fails all checks at once otherwise, and none says why. */
function requireInstalled(): void {
  const { dependencies, devDependencies } = manifest;
  const names = Object.keys({ ...dependencies, ...devDependencies });
  const missing = names.filter(name => !existsSync(`${import.meta.dirname}/../node_modules/${name}`));
  if (missing.length === 0) return;
  console.log(`not installed: ${missing.join(', ')}\nrun: npm install --ignore-scripts`);
  process.exit(1);
}

async function run(name: string, [program = '', ...args]: readonly string[]): Promise<Outcome> {
  const begun = performance.now();
  const path = `${import.meta.dirname}/../node_modules/.bin`;
  const child = spawn(`${path}/${program}`, args, {
    cwd: `${import.meta.dirname}/..`,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${path}:${process.env['PATH']}`,
      NO_COLOR: '1',
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    },
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = await once(child, 'close');
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)`);
  return { name, isOk: code === 0, output: Buffer.concat(output).toString() };
}

/** The first mistakes matter; the rest may go with them. Dots of tests that pass tell nothing. */
function head(output: string): string {
  const lines = output
    .trim()
    .split('\n')
    .filter(line => !/^\.+$/.test(line));
  const more = lines.length - MOST_LINES;
  return [...lines.slice(0, MOST_LINES), ...(more > 0 ? [`… ${more} more lines`] : [])].join('\n');
}
