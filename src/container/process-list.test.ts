import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickProcesses } from './process-list.ts';

test('pickProcesses() keeps the container’s processes and their whole command', () => {
  const output = 'UID   PID  PPID CMD\nroot    1     0 init\nroot   20     1 nginx: master  process\n';
  assert.deepEqual(pickProcesses(output, new Set([20])), {
    titles: ['UID', 'PID', 'PPID', 'CMD'],
    processes: [['root', '20', '1', 'nginx: master process']],
  });
});

test('pickProcesses() refuses output without a PID column', () => {
  assert.throws(() => pickProcesses('CMD\ninit\n', new Set([1])), { kind: 'invalid', message: /PID field/ });
});
