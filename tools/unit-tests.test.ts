import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = `${import.meta.dirname}/..`;

test('hooks of unit tests stand inside a describe(): all files run in one process, and share what is outside', () => {
  const files = globSync('src/**/*.test.ts', { cwd: ROOT });
  assert.ok(files.length > 50, `saw only ${files.length} files`);
  const offenders = files.filter(file => hasTopLevelHook(readFileSync(`${ROOT}/${file}`, 'utf8')));
  assert.deepEqual(offenders, []);
});

test('a top-level hook is seen', () => {
  assert.equal(hasTopLevelHook('import x;\nbeforeEach(() => {});\n'), true);
  assert.equal(hasTopLevelHook("describe('x', () => {\n  beforeEach(() => {});\n});\n"), false);
});

function hasTopLevelHook(source: string): boolean {
  return /^(before|after)(Each)?\(/m.test(source);
}
