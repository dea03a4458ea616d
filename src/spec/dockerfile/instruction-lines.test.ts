import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instructionLines } from './instruction-lines.ts';

const FILE = [
  'FROM a', // 1
  'RUN x \\',
  '  # why', // 3
  '',
  '  && y', // 5
  'RUN <<EOF',
  'one \\', // 7
  'EOF',
  '# a comment', // 9
  'COPY <<a <<b /', // 10
  'a',
  'b',
  'RUN <<NEVER', // 13
].join('\n');

for (const [line, last] of [
  [1, 1],
  [2, 5],
  [6, 8],
  [9, 9],
  [10, 12],
  [13, 13],
  [14, 14],
] as const) {
  test(`what begins on line ${line} ends on line ${last}`, () => {
    assert.deepEqual(instructionLines(FILE, line), { first: line, last });
  });
}

test('the escape of the file counts', () => {
  assert.equal(instructionLines('# escape=`\nFROM a\nRUN x `\n  y \\\nRUN z', 3).last, 4);
});
