import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();

const ID = 'c'.repeat(64);
const IDLE = 'd'.repeat(64);

function cpu(used: number, all: number): object {
  const usage = { total_usage: used, usage_in_kernelmode: 0, usage_in_usermode: 0 };
  return { cpu_usage: usage, system_cpu_usage: all, online_cpus: 2, throttling_data: {} };
}

const busy = {
  id: ID,
  name: '/web',
  os_type: 'linux',
  read: '2026-01-02T00:00:01Z',
  preread: '2026-01-02T00:00:00Z',
  cpu_stats: cpu(3e9, 20e9),
  precpu_stats: cpu(2e9, 10e9),
  memory_stats: { usage: 6_000_000, limit: 1e9, stats: { inactive_file: 1_000_000 } },
  networks: { eth0: { rx_bytes: 1500, tx_bytes: 20 }, eth1: { rx_bytes: 2e6, tx_bytes: 1 } },
  pids_stats: { current: 3 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { major: 8, minor: 0, op: 'read', value: 4096 },
      { major: 8, minor: 0, op: 'Write', value: 12_345_678 },
      { major: 8, minor: 0, op: 'discard', value: 5 },
    ],
  },
};
const legacy = {
  ...busy,
  name: '/legacy',
  memory_stats: { usage: 6_000_000, limit: 0, stats: { total_inactive_file: 2_000_000, inactive_file: 1 } },
  cpu_stats: { ...cpu(2e9, 20e9), online_cpus: 0 },
};
const idle = { id: IDLE, name: '/idle', read: '0001-01-01T00:00:00Z' };

const script: Script = {
  'GET /containers/json': { body: [{ Id: ID, Names: ['/web'] }] },
  'GET /events': { body: '' },
  [`GET /containers/${ID}/stats`]: { body: busy },
  'GET /containers/web/stats': { body: busy },
  'GET /containers/legacy/stats': { body: legacy },
  'GET /containers/idle/stats': { body: idle },
  'GET /containers/nope/stats': { status: 404, body: { message: 'No such container: nope' } },
};

test('stats --no-stream shows what Docker shows', { skip }, async () => {
  for (const words of [
    ['web'],
    ['legacy'],
    ['idle'],
    ['--no-trunc', 'web'],
    ['--format', 'json', 'web'],
    ['--format', '{{.Container}} {{.Name}} {{.CPUPerc}} {{.MemPerc}}', 'web'],
    ['--format', 'table {{.Container}}\\t{{.PIDs}}\\t{{.NetIO}}', 'web'],
    ['nope'],
  ]) {
    await context.engine.same(script, ['stats', '--no-stream', ...words]);
  }
});

test('stats without names shows those that run, as Docker does, and a live table', { skip }, async () => {
  // Docker's own list is empty now and then, when the events end before it comes.
  const theirs = await context.engine.docker(script, ['stats', '--no-stream', 'web']);
  for (const words of [[], ['-a']]) {
    const ours = await context.engine.quai(script, ['stats', '--no-stream', ...words]);
    assert.deepEqual([ours.code, ours.stdout], [theirs.code, theirs.stdout]);
    assert.deepEqual(
      ours.asked.map(({ route, query }) => `${route} ${JSON.stringify(query)}`),
      [
        `GET /containers/json ${words.length > 0 ? '{"all":"1"}' : '{}'}`,
        `GET /containers/${ID}/stats {"stream":"0"}`,
      ],
    );
  }
  const ended = await context.engine.quai(script, ['container', 'stats', 'web', 'legacy']);
  assert.equal(ended.code, 0, 'it ends with its containers');
  const refused = await context.engine.quai(script, ['stats', 'nope']);
  assert.deepEqual(
    [refused.code, refused.stderr],
    [1, 'Error response from daemon: No such container: nope\n'],
  );
});
