import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readInterfaceCounters } from './interface-counters.ts';
import { readSystemCpu } from './system-cpu.ts';

describe('counters of the kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-counters-'));
  after(() => rmSync(folder, { recursive: true }));

  test('readSystemCpu() adds up what is counted once, and counts processors', () => {
    const path = join(folder, 'stat');
    writeFileSync(
      path,
      'cpu  10 1 5 100 2 1 1 3 50 4\ncpu0 5 0 0 0\ncpu1 5 1 5 100\nintr 1 2 3\ncpufreq 1\n',
    );
    assert.deepEqual(readSystemCpu(path), { usageNanos: 123 * 1e7, onlineCpus: 2 });
  });

  test('readInterfaceCounters() reads what an interface has sent and received, but not to itself', () => {
    mkdirSync(join(folder, '42/net'), { recursive: true });
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      '    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0',
      '  eth0: 4567        12    3    4    0     0          0         0      89       6    7    8    0     0       0          0',
      'br-a.1:1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0',
      '',
    ];
    writeFileSync(join(folder, '42/net/dev'), text.join('\n'));
    const [eth0, bridge, ...others] = readInterfaceCounters(42, folder);
    assert.deepEqual(eth0, {
      name: 'eth0',
      rxBytes: 4567,
      rxPackets: 12,
      rxErrors: 3,
      rxDropped: 4,
      txBytes: 89,
      txPackets: 6,
      txErrors: 7,
      txDropped: 8,
    });
    assert.deepEqual([bridge?.name, bridge?.rxBytes, bridge?.txBytes, others], ['br-a.1', 1, 3, []]);
    assert.deepEqual(readInterfaceCounters(43, folder), []);
  });
});
