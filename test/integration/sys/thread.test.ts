import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../support/programs.ts';

const PROGRAM = fileURLToPath(new URL('./thread-ends.ts', import.meta.url));
const MICROS_APART = 500;
const MOMENTS = 30;

for (const how of ['exit', 'endThread']) {
  test(`a thread that loads koffi does not abort the process: ${how}`, async () => {
    for (let moment = 0; moment < MOMENTS; moment += 1) {
      const micros = `${moment * MICROS_APART}`;
      const { code, stderr } = await runProgram(process.execPath, [PROGRAM, how, micros]);
      assert.deepEqual([code, stderr], [0, ''], `${micros} µs after the thread has begun`);
    }
  });
}
