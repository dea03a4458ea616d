import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTAINER_STATUSES, type ContainerState, type ContainerStatus } from './container.ts';
import {
  type ContainerEvent,
  checkAttach,
  checkExec,
  checkKill,
  checkPause,
  checkRemove,
  checkStart,
  checkStop,
  checkUnpause,
  NEW_STATE,
  nextState,
} from './container-machine.ts';

const EVENTS: Readonly<Record<string, ContainerEvent>> = {
  started: { type: 'started', pid: 7, at: 1000, hasHealthcheck: false },
  startFailed: { type: 'startFailed', exitCode: 127, error: 'no such file' },
  paused: { type: 'paused' },
  unpaused: { type: 'unpaused' },
  exited: { type: 'exited', exitCode: 3, at: 2000, isOomKilled: true, isRestarting: false },
  exitedToRestart: { type: 'exited', exitCode: 3, at: 2000, isOomKilled: false, isRestarting: true },
  restartCancelled: { type: 'restartCancelled' },
  removing: { type: 'removing' },
  died: { type: 'died', error: 'device busy' },
  health: { type: 'health', health: { status: 'healthy', failingStreak: 0, log: [] } },
};

// One column per status, in the order of CONTAINER_STATUSES; `-` cannot happen.
const TRANSITIONS: Readonly<Record<string, string>> = {
  started: 'running - - running - running -',
  startFailed: 'created - - exited - exited -',
  paused: '- paused - - - - -',
  unpaused: '- - running - - - -',
  exited: '- exited exited - - - -',
  exitedToRestart: '- restarting restarting - - - -',
  restartCancelled: '- - - exited - - -',
  removing: 'removing removing removing removing - removing removing',
  died: '- - - - dead - -',
  health: '- running - - - - -',
};

for (const [name, event] of Object.entries(EVENTS)) {
  test(`nextState(): ${name} in every status`, () => {
    const row = CONTAINER_STATUSES.map(status => {
      try {
        return nextState({ ...NEW_STATE, status }, event).status;
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return '-';
      }
    });
    assert.equal(row.join(' '), TRANSITIONS[name]);
  });
}

test('nextState(): a life, with all that is remembered', () => {
  const running = nextState(NEW_STATE, { type: 'started', pid: 7, at: 1000, hasHealthcheck: true });
  assert.deepEqual(running, {
    status: 'running',
    pid: 7,
    exitCode: 0,
    error: '',
    isOomKilled: false,
    startedAt: 1000,
    health: { status: 'starting', failingStreak: 0, log: [] },
  });
  const exited = nextState(running, EVENTS['exited'] as ContainerEvent);
  const { pid: _pid, ...rest } = running;
  assert.deepEqual(exited, { ...rest, status: 'exited', exitCode: 3, isOomKilled: true, finishedAt: 2000 });
  assert.ok(!('pid' in exited));

  const again = nextState(exited, { type: 'started', pid: 8, at: 3000, hasHealthcheck: false });
  assert.deepEqual(again, {
    status: 'running',
    pid: 8,
    exitCode: 0,
    error: '',
    isOomKilled: false,
    startedAt: 3000,
    finishedAt: 2000,
  } satisfies ContainerState);
});

const ID = 'f'.repeat(64);

/** What each request answers per status: a kind, or `ok`. */
const REQUESTS: readonly (readonly [string, (subject: Subject) => void, string])[] = [
  ['start', checkStart, 'ok notModified conflict ok conflict ok conflict'],
  ['stop', checkStop, 'notModified ok ok ok notModified notModified notModified'],
  ['kill', checkKill, 'conflict ok ok conflict conflict conflict conflict'],
  ['pause', checkPause, 'conflict ok conflict conflict conflict conflict conflict'],
  ['unpause', checkUnpause, 'conflict conflict ok conflict conflict conflict conflict'],
  ['exec', checkExec, 'conflict ok conflict conflict conflict conflict conflict'],
  ['attach', checkAttach, 'ok ok conflict conflict ok ok ok'],
  ['remove', checkRemove, 'ok conflict conflict conflict conflict ok ok'],
];

type Subject = Parameters<typeof checkStart>[0];

function subject(status: ContainerStatus): Subject {
  return { id: ID, name: 'web', state: { ...NEW_STATE, status } };
}

for (const [name, check, expected] of REQUESTS) {
  test(`${name}: allowed or refused in every status`, () => {
    const row = CONTAINER_STATUSES.map(status => refusal(() => check(subject(status)))?.kind ?? 'ok');
    assert.equal(row.join(' '), expected);
  });
}

function refusal(work: () => void): { kind: string; message: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as { kind: string; message: string };
  }
}

const WORDINGS: readonly (readonly [(subject: Subject) => void, ContainerStatus, string])[] = [
  [checkStart, 'paused', 'cannot start a paused container, try unpause instead'],
  [checkStart, 'removing', 'container is marked for removal and cannot be started'],
  [checkKill, 'exited', `cannot kill container: web: container ${ID} is not running`],
  [checkPause, 'paused', `container ${ID} is already paused`],
  [checkPause, 'exited', `container ${ID} is not running`],
  [checkUnpause, 'running', `container ${ID} is not paused`],
  [checkExec, 'paused', 'container ffffffffffff is paused, unpause the container before exec'],
  [checkExec, 'restarting', 'Container ffffffffffff is restarting, wait until the container is running'],
  [
    checkRemove,
    'running',
    'cannot remove container "/web": container is running: stop the container before removing or force remove',
  ],
  [checkRemove, 'paused', 'cannot remove container "/web": container is paused and must be unpaused first'],
  [checkRemove, 'removing', `removal of container ${ID} is already in progress`],
];

for (const [check, status, message] of WORDINGS) {
  test(`${check.name}() of a ${status} container in Docker’s words`, () => {
    assert.equal(refusal(() => check(subject(status)))?.message, message);
  });
}
