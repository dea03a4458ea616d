import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState } from '#container/container';
import { stateToWire, statusText } from './container-state-wire.ts';

const NOW = Date.UTC(2026, 5, 1);
const HOUR = 3_600_000;

function state(change: Partial<ContainerState>): ContainerState {
  return {
    status: 'running',
    exitCode: 0,
    error: '',
    isOomKilled: false,
    startedAt: NOW - 2 * HOUR,
    ...change,
  };
}

const health = (status: 'starting' | 'healthy' | 'unhealthy') => ({
  health: { status, failingStreak: 0, log: [] },
});

const TEXTS: readonly [change: Partial<ContainerState>, text: string][] = [
  [{}, 'Up 2 hours'],
  [health('healthy'), 'Up 2 hours (healthy)'],
  [health('starting'), 'Up 2 hours (health: starting)'],
  [health('unhealthy'), 'Up 2 hours (unhealthy)'],
  [{ status: 'paused', ...health('healthy') }, 'Up 2 hours (Paused)'],
  [{ status: 'restarting', exitCode: 3, finishedAt: NOW - 2000 }, 'Restarting (3) 2 seconds ago'],
  [{ status: 'exited', exitCode: 137, finishedAt: NOW - 3 * 60_000 }, 'Exited (137) 3 minutes ago'],
  [{ status: 'created' }, 'Created'],
  [{ status: 'removing' }, 'Removal In Progress'],
  [{ status: 'dead' }, 'Dead'],
];

for (const [change, text] of TEXTS) {
  test(`statusText() says "${text}"`, () => assert.equal(statusText(state(change), NOW), text));
}

test('stateToWire() has Go zero values for what never happened', () => {
  assert.deepEqual(stateToWire({ status: 'created', exitCode: 0, error: '', isOomKilled: false }), {
    Status: 'created',
    Running: false,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: 0,
    ExitCode: 0,
    Error: '',
    StartedAt: '0001-01-01T00:00:00Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  });
});

test('stateToWire() calls a container that is paused or between two runs running', () => {
  for (const status of ['paused', 'restarting'] as const) {
    const wire = stateToWire(state({ status, pid: 7 }));
    assert.equal(wire.Running, true, status);
    assert.equal(wire.Paused, status === 'paused');
    assert.equal(wire.Restarting, status === 'restarting');
  }
});
