import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { ALONE, LONGEST, planTests } from './test-plan.ts';

const root = new URL('../', import.meta.url);

test('every test file that has a place of its own in the plan is there', () => {
  const absent = [...ALONE, ...LONGEST].filter(file => !existsSync(new URL(file, root)));
  assert.deepEqual(absent, []);
});

test('planTests() runs each file once: the longest first, those that are to be alone after all others', () => {
  const [alone = '', last = ''] = [ALONE[0], ALONE.at(-1)];
  const [longest = '', next = ''] = LONGEST;
  const files = ['test/a.test.ts', last, alone, next, longest, 'test/b.test.ts'];
  assert.deepEqual(planTests(files, { isWhole: true }), {
    together: [longest, next, 'test/a.test.ts', 'test/b.test.ts'],
    alone: [alone, last],
  });
});

test('planTests() leaves the look at the whole machine out where only some tests run', () => {
  const last = ALONE.at(-1) ?? '';
  const plan = planTests(['test/a.test.ts', last], { isWhole: false });
  assert.deepEqual(plan, { together: ['test/a.test.ts'], alone: [] });
});
