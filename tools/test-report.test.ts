import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { type FileReport, joinedReport, type Outcome } from './test-report.ts';

function line(message: string): TestEvent {
  return { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } };
}

function summary(success: boolean): TestEvent {
  const counts = { cancelled: 0, passed: 0, skipped: 0, suites: 0, tests: 0, todo: 0, topLevel: 0 };
  return { type: 'test:summary', data: { counts, duration_ms: 1, file: undefined, success } };
}

async function* reportsOf(...reports: readonly FileReport[]): AsyncGenerator<FileReport> {
  yield* reports;
}

async function told(reports: AsyncIterable<FileReport>, outcome: Outcome): Promise<string[]> {
  const times = [5, 25].values();
  const lines: string[] = [];
  for await (const event of joinedReport(reports, outcome, () => times.next().value ?? 0))
    lines.push(event.type === 'test:diagnostic' ? event.data.message : event.type);
  return lines;
}

test('joinedReport() closes several files with one count of them all', async () => {
  const outcome = { hasFailed: false };
  const first = [
    line('note of a test'),
    line('tests 3'),
    line('pass 3'),
    line('duration_ms 10'),
    summary(true),
  ];
  const second = [line('tests 2'), line('pass 2'), line('duration_ms 15'), summary(true)];
  const reports = reportsOf(
    { file: 'a.test.ts', events: first, durationMs: 10_000 },
    { file: 'b.test.ts', events: second, durationMs: 1_260 },
  );
  assert.deepEqual(await told(reports, outcome), [
    'note of a test',
    'a.test.ts: 10.0 s',
    'b.test.ts: 1.3 s',
    'tests 5',
    'pass 5',
    'duration_ms 20',
  ]);
  assert.equal(outcome.hasFailed, false);
});

test('joinedReport() tells of a failure in any of the files, and goes on', async () => {
  const outcome = { hasFailed: false };
  const failed: FileReport = { file: 'a', events: [line('fail 1'), summary(false)], durationMs: 0 };
  const passed: FileReport = { file: 'b', events: [line('fail 0'), summary(true)], durationMs: 0 };
  const lines = await told(reportsOf(failed, passed), outcome);
  assert.ok(lines.includes('b: 0.0 s') && lines.includes('fail 1'), lines.join('\n'));
  assert.equal(outcome.hasFailed, true);
});
