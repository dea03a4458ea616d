import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { HostConfig } from '#spec/docker/host-config';
import type { ContainerStatus } from './container.ts';
import { type EndedRun, restartDecision, startsWithDaemon } from './restart-policy.ts';

const RUN: EndedRun = {
  policy: { Name: 'always', MaximumRetryCount: 0 },
  exitCode: 1,
  isManuallyStopped: false,
  restartCount: 0,
  ranForMs: 50,
};

function policy(name: string, retries = 0): { policy: EndedRun['policy'] } {
  return { policy: { Name: name, MaximumRetryCount: retries } };
}

const decisions: readonly (readonly [string, Partial<EndedRun>, number | 'stays down'])[] = [
  ['no', policy('no'), 'stays down'],
  ['an empty name means no', policy(''), 'stays down'],
  ['always, exit 0', { ...policy('always'), exitCode: 0 }, 100],
  ['always, stopped by hand', { ...policy('always'), isManuallyStopped: true }, 'stays down'],
  ['unless-stopped, exit 0', { ...policy('unless-stopped'), exitCode: 0 }, 100],
  ['unless-stopped, stopped by hand', { ...policy('unless-stopped'), isManuallyStopped: true }, 'stays down'],
  ['on-failure, exit 0', { ...policy('on-failure'), exitCode: 0 }, 'stays down'],
  ['on-failure, exit 1, no limit', { ...policy('on-failure'), restartCount: 1000 }, 60_000],
  ['on-failure:2, one so far', { ...policy('on-failure', 2), restartCount: 1 }, 200],
  ['on-failure:2, two so far', { ...policy('on-failure', 2), restartCount: 2 }, 'stays down'],
  [
    'on-failure, killed by hand',
    { ...policy('on-failure'), exitCode: 137, isManuallyStopped: true },
    'stays down',
  ],
  ['second time', { restartCount: 1 }, 200],
  ['third time', { restartCount: 2 }, 400],
  ['tenth time', { restartCount: 9 }, 51_200],
  ['at most a minute', { restartCount: 10 }, 60_000],
  ['a delay that is known counts, whatever the restarts', { restartCount: 50, previousDelayMs: 100 }, 200],
  ['still a minute', { previousDelayMs: 60_000 }, 60_000],
  ['after a long run it starts over', { restartCount: 20, ranForMs: 10_000 }, 100],
  ['just short of a long run', { restartCount: 2, ranForMs: 9_999 }, 400],
];

for (const [what, change, expected] of decisions) {
  test(`restartDecision(): ${what}`, () => {
    const { restart, delayMs } = restartDecision({ ...RUN, ...change });
    assert.equal(restart ? delayMs : 'stays down', expected);
  });
}

const atStart: readonly (readonly [string, boolean, ContainerStatus, boolean])[] = [
  ['no', false, 'exited', false],
  ['always', false, 'exited', true],
  ['always', true, 'exited', true],
  ['always', false, 'created', false],
  ['always', false, 'running', false],
  ['always', false, 'dead', false],
  ['unless-stopped', false, 'exited', true],
  ['unless-stopped', true, 'exited', false],
  ['on-failure', false, 'exited', false],
];

for (const [name, isManuallyStopped, status, expected] of atStart) {
  test(`startsWithDaemon(): ${name}, ${status}${isManuallyStopped ? ' by hand' : ''}`, () => {
    const container = {
      state: { status, exitCode: 1, error: '', isOomKilled: false },
      hostConfig: v.parse(HostConfig, { RestartPolicy: { Name: name } }),
      isManuallyStopped,
    };
    assert.equal(startsWithDaemon(container), expected);
  });
}
