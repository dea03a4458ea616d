import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import * as v from 'valibot';
import { ContainerConfig } from '#spec/docker/container-config';
import type { Health } from './container.ts';
import { afterProbe, HealthMonitor, type ProbeResult, probeCommand } from './health-monitor.ts';

const SECOND = 1_000_000_000;
const START = 1_000_000;

let results: (ProbeResult | Error | Promise<ProbeResult>)[];
let log: string[];
let last: Health | undefined;
let monitor: HealthMonitor;

describe('HealthMonitor', () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START });
    results = [];
    log = [];
    last = undefined;
    monitor = new HealthMonitor({
      runProbe: async (_id, command, timeoutMs, signal) => {
        log.push(`${(Date.now() - START) / 1000}s: ${command.join(' ')} (${timeoutMs} ms)`);
        signal.addEventListener('abort', () => log.push('probe ended early'), { once: true });
        const result = results.shift() ?? { exitCode: 0, output: '' };
        if (result instanceof Error) throw result;
        return await result;
      },
      onHealth: (_id, health, event) => {
        last = health;
        log.push(`${health.status} ${health.failingStreak}${event ? ` [${event}]` : ''}`);
      },
    });
  });

  afterEach(() => {
    monitor[Symbol.dispose]();
    mock.timers.reset();
  });

  function watch(healthcheck: object, health?: Health): void {
    monitor.start({
      id: 'c1',
      config: v.parse(ContainerConfig, { Healthcheck: { Test: ['CMD', 'check'], ...healthcheck } }),
      startedAt: START,
      ...(health && { health }),
    });
  }

  /** Lets time pass in small steps, so that promises settle between timers. */
  async function pass(seconds: number): Promise<void> {
    for (let step = 0; step < seconds * 2; step += 1) {
      mock.timers.tick(500);
      for (let turn = 0; turn < 6; turn += 1) await Promise.resolve();
    }
  }

  function failing(times: number): ProbeResult[] {
    return Array<ProbeResult>(times).fill({ exitCode: 1, output: 'no' });
  }

  test('probes come one interval after the start and after each other, with Docker’s defaults', async () => {
    watch({});
    await pass(29.5);
    assert.deepEqual(log, []);
    await pass(31);
    assert.deepEqual(log, [
      '30s: check (30000 ms)',
      'healthy 0 [health_status: healthy]',
      '60s: check (30000 ms)',
      'healthy 0',
    ]);
  });

  test('failures make it unhealthy after the retries, one success healthy again', async () => {
    results = failing(3);
    watch({ Interval: SECOND, Retries: 2, Timeout: 2 * SECOND });
    await pass(4);
    assert.deepEqual(log, [
      '1s: check (2000 ms)',
      'starting 1',
      '2s: check (2000 ms)',
      'unhealthy 2 [health_status: unhealthy]',
      '3s: check (2000 ms)',
      'unhealthy 3',
      '4s: check (2000 ms)',
      'healthy 0 [health_status: healthy]',
    ]);
  });

  test('in the start period failures do not count and the start interval applies; a probe follows it at once', async () => {
    results = failing(20);
    watch({ Interval: 60 * SECOND, StartPeriod: 5 * SECOND, StartInterval: 2 * SECOND, Retries: 1 });
    await pass(66);
    assert.deepEqual(log, [
      '2s: check (30000 ms)',
      'starting 0',
      '4s: check (30000 ms)',
      'starting 0',
      '5s: check (30000 ms)',
      'unhealthy 1 [health_status: unhealthy]',
      '65s: check (30000 ms)',
      'unhealthy 2',
    ]);
  });

  test('a success in the start period makes it healthy, and failures count from then on', async () => {
    results = [{ exitCode: 0, output: '' }, ...failing(3)];
    watch({ Interval: 3 * SECOND, StartPeriod: 60 * SECOND, StartInterval: SECOND, Retries: 2 });
    await pass(7);
    assert.deepEqual(log, [
      '1s: check (30000 ms)',
      'healthy 0 [health_status: healthy]',
      '4s: check (30000 ms)',
      'healthy 1',
      '7s: check (30000 ms)',
      'unhealthy 2 [health_status: unhealthy]',
    ]);
  });

  test('a slow probe is never overlapped by the next', async () => {
    const slow = Promise.withResolvers<ProbeResult>();
    results = [slow.promise];
    watch({ Interval: SECOND });
    await pass(10);
    assert.deepEqual(log, ['1s: check (30000 ms)']);
    slow.resolve({ exitCode: 0, output: '' });
    await new Promise(setImmediate);
    await pass(1);
    assert.equal(log.length, 4);
    assert.equal(log[2], '11s: check (30000 ms)');
  });

  test('stop() ends a running probe and drops its result', async () => {
    const slow = Promise.withResolvers<ProbeResult>();
    results = [slow.promise];
    watch({ Interval: SECOND });
    await pass(2);
    monitor.stop('c1');
    monitor.stop('c1');
    slow.resolve({ exitCode: 1, output: '' });
    await pass(5);
    assert.deepEqual(log, ['1s: check (30000 ms)', 'probe ended early']);
  });

  test('start() of a watched container begins anew', async () => {
    watch({ Interval: SECOND });
    await pass(0.5);
    watch({ Interval: SECOND });
    await pass(1.5);
    assert.deepEqual(log, ['1.5s: check (30000 ms)', 'healthy 0 [health_status: healthy]']);
  });

  test('what was known before an engine restart goes on', async () => {
    results = failing(1);
    watch({ Interval: SECOND, Retries: 3 }, { status: 'healthy', failingStreak: 2, log: [] });
    await pass(1);
    assert.equal(log[1], 'unhealthy 3 [health_status: unhealthy]');
  });

  test('a time-out and a probe that cannot run are failures with a reason', async () => {
    results = [
      { exitCode: 0, output: '', isTimedOut: true },
      { exitCode: 0, output: 'half', isTimedOut: true },
      new Error('no such file: check'),
    ];
    watch({ Interval: SECOND, Timeout: 1.5 * SECOND, Retries: 9 });
    await pass(3);
    assert.deepEqual(
      last?.log.map(({ exitCode, output }) => [exitCode, output]),
      [
        [-1, 'Health check exceeded timeout (1.5s)'],
        [-1, 'Health check exceeded timeout (1.5s): half'],
        [-1, 'no such file: check'],
      ],
    );
  });

  test('the log keeps the last five probes, each with at most 4096 bytes', async () => {
    results = Array.from({ length: 7 }, (_, n) => ({ exitCode: 0, output: `${n}${'é'.repeat(4000)}` }));
    watch({ Interval: SECOND });
    await pass(7);
    assert.deepEqual(
      last?.log.map(({ output }) => output[0]),
      ['2', '3', '4', '5', '6'],
    );
    assert.ok(last?.log.every(({ output }) => output.endsWith('é...') && Buffer.byteLength(output) <= 4099));
  });

  const commands: readonly (readonly [object, string[] | undefined])[] = [
    [{}, undefined],
    [{ Healthcheck: { Test: [] } }, undefined],
    [{ Healthcheck: { Test: ['NONE'] } }, undefined],
    [{ Healthcheck: { Test: ['CMD'] } }, undefined],
    [{ Healthcheck: { Test: ['CMD', 'a', 'b'] } }, ['a', 'b']],
    [{ Healthcheck: { Test: ['CMD-SHELL', 'a || b'] } }, ['/bin/sh', '-c', 'a || b']],
    [{ Healthcheck: { Test: ['CMD-SHELL', 'a'] }, Shell: ['/bin/bash', '-lc'] }, ['/bin/bash', '-lc', 'a']],
    [{ Healthcheck: { Test: ['OTHER', 'a'] } }, undefined],
  ];

  for (const [config, expected] of commands) {
    test(`probeCommand() of ${JSON.stringify(config)}`, () => {
      assert.deepEqual(probeCommand(v.parse(ContainerConfig, config)), expected);
    });
  }

  test('afterProbe() counts a failure that began after the start period', () => {
    const timing = { startPeriodMs: 1000, retries: 3 };
    const before: Health = { status: 'starting', failingStreak: 0, log: [] };
    const streak = (startedAt: number): number =>
      afterProbe(
        { container: { startedAt: 0 }, timing, health: before },
        { startedAt, endedAt: 9999, exitCode: 1, output: '' },
      ).failingStreak;
    assert.deepEqual([999, 1000].map(streak), [0, 1]);
  });
});
