import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '#client/json';
import { BuildProgress } from './build-progress.ts';
import { buildScreen } from './build-screen.ts';
import { terminalText } from './terminal-text.ts';

const PLAIN = { isColoured: false };
const vertex = (id: number, name: string): Json => ({ id, name, kind: 'run' });
const log = (id: number, data: string): Json => ({ log: id, data: Buffer.from(data).toString('base64') });

function progressOf(lines: readonly Json[]): BuildProgress {
  const progress = new BuildProgress();
  for (const line of lines) progress.take(line);
  return progress;
}

const LINES: readonly Json[] = [
  {},
  { planned: [vertex(1, '[1/3] FROM a'), vertex(2, '[2/3] RUN b'), vertex(3, '[3/3] RUN c')] },
  { started: vertex(1, '[1/3] FROM a'), at: 1000 },
  { pull: 1, status: 'Downloading', id: 'l', progressDetail: { current: 500_000, total: 2_000_000 } },
  { started: vertex(2, '[2/3] RUN b'), at: 1000 },
  log(2, 'one\ntw'),
  log(2, 'o\n\x1b[31mred\x1b[0m\rover\n'),
];

test('a build is shown with what is under way, and the last lines of it', () => {
  const { vertices } = progressOf(LINES);
  const shown = { vertices, sending: '12kB', startedAt: 0, now: 3250 };
  assert.deepEqual(buildScreen(shown, { columns: 60, rows: 24 }, PLAIN), [
    'Building 3.3s (0/3)',
    '> sending the build context: 12kB',
    `${'> [1/3] FROM a (500kB of 2MB)'.padEnd(54)} 2.3s`,
    `${'> [2/3] RUN b'.padEnd(54)} 2.3s`,
    '    | one',
    '    | two',
    '    | over',
  ]);
});

test('a build that is over is shown as a whole, with times that stay', () => {
  const { vertices, imageId, tags, warnings } = progressOf([
    ...LINES,
    { done: 1, at: 1500, cached: false },
    { done: 2, at: 2500, cached: true },
    { started: vertex(3, '[3/3] RUN c'), at: 2500 },
    { failed: 3, at: 2600, message: 'no' },
    { started: vertex(4, 'COPY d'), at: 2500 },
    { failed: 4, at: 2600, message: 'no', cancelled: true },
    { warning: 'odd \x1b[2Jname' },
    { warning: 'placed', line: 7 },
    { aux: { ID: 'sha256:1' }, tags: ['x:1'] },
  ]);
  const shown = { vertices, sending: '', startedAt: 1000, now: 9000, outcome: 'failed' as const };
  assert.deepEqual(buildScreen(shown, { columns: 30, rows: 3 }, PLAIN), [
    'Failed after 8.0s (4/4)',
    '+ [1/3] FROM a           0.5s',
    '= CACHED [2/3] RUN b',
    'x [3/3] RUN c            0.1s',
    '- CANCELED COPY d        0.1s',
  ]);
  assert.deepEqual(
    { imageId, tags, warnings },
    { imageId: 'sha256:1', tags: ['x:1'], warnings: ['odd  [2Jname', 'placed (line 7)'] },
  );
});

test('more than fits the terminal: what is over goes first, what is under way stays', () => {
  const many = Array.from({ length: 30 }, (_, index): Json[] => [
    { started: vertex(index + 1, `step ${index + 1}`), at: 0 },
    ...(index < 28 ? [{ done: index + 1, at: 10 }] : [log(index + 1, 'a\nb\nc\n')]),
  ]);
  const { vertices } = progressOf(many.flat());
  for (const rows of [5, 8, 12, 24]) {
    const lines = buildScreen({ vertices, sending: '', startedAt: 0, now: 20 }, { columns: 40, rows }, PLAIN);
    assert.ok(lines.length <= rows, `${lines.length} lines on ${rows} rows`);
    const text = lines.join('\n');
    assert.match(text, /before/);
    assert.match(text, /step 29/);
    assert.match(text, /step 30/);
  }
});

test('no line is wider than the terminal, whatever a step is called', () => {
  const long = [
    { started: vertex(1, `RUN ${'ä'.repeat(500)}\n && x`), at: 0 },
    log(1, `${'y'.repeat(9000)}\n`),
  ];
  const { vertices } = progressOf(long);
  const lines = buildScreen(
    { vertices, sending: '', startedAt: 0, now: 0 },
    { columns: 50, rows: 24 },
    PLAIN,
  );
  assert.ok(lines.every(line => Array.from(line).length < 50));
});

test('what steps write keeps its colours and loses what would move the cursor', () => {
  assert.equal(
    terminalText('\x1b[1;31mred\x1b[0m\x1b[2J\x07ok\r\nx\ry'),
    '\x1b[1;31mred\x1b[0m [2J ok\nx\ny',
  );
});
