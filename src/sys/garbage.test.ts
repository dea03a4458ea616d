import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferTurnover } from './garbage.ts';

test('BufferTurnover has dead buffers freed', () => {
  const turnover = new BufferTurnover({ everyBytes: 8 * 1024 * 1024 });
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let passed = 0; passed < 256; passed += 1) {
    turnover.passed(Buffer.allocUnsafeSlow(1024 * 1024).length);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  assert.ok(most < 40 * 1024 * 1024, `${most} bytes of 256 MiB were held at a time`);
});
