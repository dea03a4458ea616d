import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listProcesses, type ProcessList, ProcessPicker } from './process-list.ts';

function pick(output: string, pids: readonly number[]): ProcessList {
  const picker = new ProcessPicker(new Set(pids));
  return picker.list(output.split('\n').filter(line => picker.wants(line)));
}

test('ProcessPicker keeps the container’s processes and their whole command', () => {
  const output = 'UID   PID  PPID CMD\nroot    1     0 init\nroot   20     1 nginx: master  process\n';
  assert.deepEqual(pick(output, [20]), {
    titles: ['UID', 'PID', 'PPID', 'CMD'],
    processes: [['root', '20', '1', 'nginx: master process']],
  });
});

test('ProcessPicker refuses output without a PID column', () => {
  assert.throws(() => pick('CMD\ninit\n', [1]), { kind: 'invalid', message: /PID field/ });
});

test('listProcesses() refuses arguments that call another column PID', async () => {
  for (const args of ['-eo ppid=PID,args', '-eo args=PID', '-eo user=PID,pid', '-eo ppid= PID']) {
    await assert.rejects(listProcesses([1], args), { kind: 'invalid', message: /is not allowed/ }, args);
  }
});
