import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { HOST_STATE_VARIABLE, keepHostState } from '../test/support/host-record.ts';
import { say } from './setup/messages.ts';
import { dockerCli, dockerRegistry } from './setup/test-programs.ts';
import { sideBySide } from './side-by-side.ts';
import { planTests } from './test-plan.ts';
import { type FileReport, joinedReport, type Outcome } from './test-report.ts';

const UNIT_TESTS = ['src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'];
const OTHER_TESTS = ['test/**/*.test.ts'];
const ROOT = `${import.meta.dirname}/..`;
const LIMIT_MS = 300_000;
/** Read by `test/support/daemon.ts`. */
const NEIGHBOURS_VARIABLE = 'QUAI_TEST_HAS_NEIGHBOURS';
/** Tests wait about as long as they work: one more than there are processors keeps all of these busy. */
const SIDE_BY_SIDE = availableParallelism() + 1;

/**
 * The whole suite: unit tests in one process; integration and compat tests in one each, some of them at a time, and those
 * that want the machine for themselves one after another. Words given on the command line keep only the test files whose
 * path holds one of them.
 *
 * @returns the exit status: 0 when no test has failed
 */
export async function runTests(words: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0)
    say('! not root: tests that need it are skipped; `sudo npm test` runs all of them');
  const isWanted = (path: string): boolean => words.length === 0 || words.some(word => path.includes(word));
  const find = (patterns: readonly string[]): string[] =>
    patterns.flatMap(pattern => globSync(pattern, { cwd: ROOT }).sort()).filter(isWanted);
  const units = find(UNIT_TESTS);
  const isWhole = words.length === 0;
  const { together, alone } = planTests(find(OTHER_TESTS), { isWhole });
  if (units.length + together.length + alone.length === 0) {
    say(`✗ no test file matches ${words.join(' ')}`);
    return 1;
  }
  process.env['NODE_COMPILE_CACHE'] ??= `${ROOT}/.cache/modules`; // hundreds of processes load the same modules
  Object.assign(process.env, programs(), { QUAI_TEST_UNITS: units.join('\n') });
  using record = isWhole ? keepHostState() : undefined;
  if (record) process.env[HOST_STATE_VARIABLE] = record.path;
  const outcome: Outcome = { hasFailed: false };
  const reports = runFiles([...(units.length > 0 ? ['tools/unit-tests.ts'] : []), ...together], alone);
  await pipeline(Readable.from(joinedReport(reports, outcome)), spec(), process.stdout, { end: false });
  return outcome.hasFailed ? 1 : 0;
}

/** What tests drive besides the engine, by the variables in which they look for it. */
function programs(): Readonly<Record<string, string>> {
  const docker = dockerCli();
  if (!docker) say('! no docker command line: tests that drive it are skipped');
  const registry = dockerRegistry();
  if (!registry) say('! no registry: tests that pull and push are skipped');
  return {
    ...(docker ? { QUAI_TEST_DOCKER: docker } : {}),
    ...(registry ? { QUAI_TEST_REGISTRY: registry } : {}),
  };
}

/** Several files are neighbours of each other: what one finds on the machine may be another's. */
async function* runFiles(together: readonly string[], alone: readonly string[]): AsyncGenerator<FileReport> {
  const limit = together.length > 1 ? SIDE_BY_SIDE : 1;
  if (limit > 1) process.env[NEIGHBOURS_VARIABLE] = '1';
  yield* sideBySide(together, limit, runFile);
  delete process.env[NEIGHBOURS_VARIABLE];
  yield* sideBySide(alone, 1, runFile);
}

/** In a process of its own. What it tells is kept until it is over, not to be mixed up with what others tell. */
async function runFile(file: string): Promise<FileReport> {
  const begun = performance.now();
  const events: TestEvent[] = [];
  const told: AsyncIterable<TestEvent> = run({
    cwd: ROOT,
    files: [`${ROOT}/${file}`],
    concurrency: 1,
    isolation: 'process',
    timeout: LIMIT_MS,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  for await (const event of told) events.push(event);
  return { file, events, durationMs: performance.now() - begun };
}
