import type { TestEvent } from 'node:test/reporters';

/** What Node's test runner told of one file. */
export interface FileReport {
  readonly file: string;
  readonly events: readonly TestEvent[];
  readonly durationMs: number;
}

/** What became of all files. */
export interface Outcome {
  hasFailed: boolean;
}

/** The lines that close a run of Node's test runner, such as `pass 4166`; they belong to no file. */
const COUNT_LINE = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;
const DURATION = 'duration_ms';

/**
 * Joins what runs of Node's test runner over one file each tell to what one run over all of them would have told: their tests
 * one after another, with how long each file took, and in the end one count of them all.
 */
export async function* joinedReport(
  reports: AsyncIterable<FileReport>,
  outcome: Outcome,
  now: () => number = () => performance.now(),
): AsyncGenerator<TestEvent> {
  const begun = now();
  const counts = new Map<string, number>();
  for await (const { file, events, durationMs } of reports) {
    for (const event of events) {
      if (isFailure(event)) outcome.hasFailed = true;
      const count = countOf(event);
      if (count) counts.set(count.word, (counts.get(count.word) ?? 0) + count.value);
      else if (event.type !== 'test:summary') yield event;
    }
    yield line(`${file}: ${(durationMs / 1000).toFixed(1)} s`);
  }
  for (const [word, value] of counts) if (word !== DURATION) yield line(`${word} ${value}`);
  yield line(`${DURATION} ${now() - begun}`);
}

function line(message: string): TestEvent {
  return { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } };
}

function isFailure({ type, data }: TestEvent): boolean {
  if (type === 'test:summary') return !data.success;
  return type === 'test:fail' && (data.todo === undefined || data.todo === false);
}

function countOf({ type, data }: TestEvent): { readonly word: string; readonly value: number } | undefined {
  if (type !== 'test:diagnostic' || data.nesting !== 0 || data.file !== undefined) return undefined;
  const [, word, value] = COUNT_LINE.exec(data.message) ?? [];
  return word === undefined ? undefined : { word, value: Number(value) };
}
