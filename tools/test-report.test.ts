import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { joinedReport, type Outcome } from './test-report.ts';

function line(message: string): TestEvent {
  return { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } };
}

function summary(success: boolean): TestEvent {
  const counts = { cancelled: 0, passed: 0, skipped: 0, suites: 0, tests: 0, todo: 0, topLevel: 0 };
  return { type: 'test:summary', data: { counts, duration_ms: 1, file: undefined, success } };
}

async function* runOf(...events: readonly TestEvent[]): AsyncGenerator<TestEvent> {
  yield* events;
}

async function told(runs: readonly AsyncIterable<TestEvent>[], outcome: Outcome): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of joinedReport(runs, outcome))
    lines.push(event.type === 'test:diagnostic' ? event.data.message : event.type);
  return lines;
}

test('joinedReport() closes several runs with one count of them all', async () => {
  const outcome = { hasFailed: false };
  const first = runOf(
    line('note of a test'),
    line('tests 3'),
    line('pass 3'),
    line('duration_ms 10.5'),
    summary(true),
  );
  const second = runOf(line('tests 2'), line('pass 2'), line('duration_ms 2'), summary(true));
  assert.deepEqual(await told([first, second], outcome), [
    'note of a test',
    'tests 5',
    'pass 5',
    'duration_ms 12.5',
  ]);
  assert.equal(outcome.hasFailed, false);
});

test('joinedReport() tells of a failure in any of the runs, and goes on', async () => {
  const outcome = { hasFailed: false };
  const runs = [runOf(line('fail 1'), summary(false)), runOf(line('fail 0'), summary(true))];
  assert.deepEqual(await told(runs, outcome), ['fail 1']);
  assert.equal(outcome.hasFailed, true);
});
