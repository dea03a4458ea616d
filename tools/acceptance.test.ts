import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../', import.meta.url);
const ROWS = 415;

interface AcceptanceRow {
  readonly id: string;
  readonly state: string;
  readonly test: string;
}

function readRows(): AcceptanceRow[] {
  const text = readFileSync(new URL('docs/acceptance.md', root), 'utf8');
  return text
    .split('\n')
    .filter(line => /^\| S\d/.test(line))
    .map(line => {
      const cells = line.split(/(?<!\\)\|/).map(cell => cell.trim());
      return { id: cells[1] ?? '', state: cells[3] ?? '', test: cells[4] ?? '' };
    });
}

test('docs/acceptance.md has every row once, in order', () => {
  const expected = Array.from({ length: ROWS }, (_, index) => `S${String(index + 1).padStart(3, '0')}`);
  assert.deepEqual(
    readRows().map(row => row.id),
    expected,
  );
});

test('docs/acceptance.md knows four states', () => {
  const states = new Set(['not yet', 'partly', 'done', 'out']);
  assert.deepEqual(
    readRows().filter(row => !states.has(row.state)),
    [],
  );
});

test('docs/acceptance.md names existing tests, and at least one for each row that is done', () => {
  const problems = readRows().flatMap(({ id, state, test: cell }) => {
    const files = testFiles(cell);
    const absent = files.filter(file => !existsSync(new URL(file, root)));
    if (absent.length > 0) return [`${id} names ${absent.join(', ')}, which is not there`];
    return state === 'done' && files.length === 0 ? [`${id} is called done without a test`] : [];
  });
  assert.deepEqual(problems, []);
});

test('compat tests that docs/acceptance.md names say in a title which row they prove', () => {
  const named = readRows().flatMap(({ id, test: cell }) =>
    testFiles(cell).flatMap(file => (file.startsWith('test/compat/') ? [{ id, file }] : [])),
  );
  assert.ok(named.length >= 100, `only ${named.length} rows name a compat test`);
  const silent = named.filter(({ id, file }) => !readFileSync(new URL(file, root), 'utf8').includes(id));
  assert.deepEqual(silent, []);
});

function testFiles(cell: string): string[] {
  return [...cell.matchAll(/[\w./-]+\.test\.ts/g)].map(match => match[0]);
}
