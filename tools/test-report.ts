import type { TestEvent } from 'node:test/reporters';

/** What became of the runs. */
export interface Outcome {
  hasFailed: boolean;
}

/** The lines that close a run of Node's test runner, such as `pass 4166`; they belong to no file. */
const COUNT_LINE = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/**
 * Joins what several runs of Node's test runner tell to what one run would have told: their tests one after another, and in
 * the end one count of them all.
 *
 * @param runs each is begun when the one before has ended
 */
export async function* joinedReport(
  runs: Iterable<AsyncIterable<TestEvent>>,
  outcome: Outcome,
): AsyncGenerator<TestEvent> {
  const counts = new Map<string, number>();
  for (const run of runs) {
    for await (const event of run) {
      if (isFailure(event)) outcome.hasFailed = true;
      const count = countOf(event);
      if (count) counts.set(count.word, (counts.get(count.word) ?? 0) + count.value);
      else if (event.type !== 'test:summary') yield event;
    }
  }
  for (const [word, value] of counts)
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${word} ${value}`, level: 'info' } };
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
