import { EngineError } from '#base/errors';
import { shortId } from '#base/ids';
import type { ContainerState, ContainerStatus, Health } from './container.ts';

/** What happens to a container. Times in milliseconds since 1970. */
export type ContainerEvent =
  | { readonly type: 'started'; readonly pid: number; readonly at: number; readonly hasHealthcheck: boolean }
  /** a start that came to nothing; the exit code is 126, 127 or 128 */
  | { readonly type: 'startFailed'; readonly exitCode: number; readonly error: string }
  | { readonly type: 'paused' }
  | { readonly type: 'unpaused' }
  | {
      readonly type: 'exited';
      readonly exitCode: number;
      readonly at: number;
      readonly isOomKilled: boolean;
      /** the restart policy will start it again */
      readonly isRestarting: boolean;
    }
  /** the automatic restart was called off */
  | { readonly type: 'restartCancelled' }
  | { readonly type: 'removing' }
  /** a removal that failed half-way */
  | { readonly type: 'died'; readonly error: string }
  | { readonly type: 'health'; readonly health: Health };

export const NEW_STATE: ContainerState = { status: 'created', exitCode: 0, error: '', isOomKilled: false };

/** Which events a container can meet in which status; anything else is a bug of the caller. */
const ACCEPTED: Readonly<Record<ContainerEvent['type'], readonly ContainerStatus[]>> = {
  started: ['created', 'exited', 'restarting'],
  startFailed: ['created', 'exited', 'restarting'],
  paused: ['running'],
  unpaused: ['paused'],
  exited: ['running', 'paused'],
  restartCancelled: ['restarting'],
  removing: ['created', 'exited', 'dead', 'restarting', 'running', 'paused'],
  died: ['removing'],
  health: ['running'],
};

/**
 * The state after an event. Pure: time and process IDs come with the event.
 *
 * @throws {RangeError} for an event that cannot happen in this status.
 */
export function nextState(state: ContainerState, event: ContainerEvent): ContainerState {
  if (!ACCEPTED[event.type].includes(state.status)) {
    throw new RangeError(`A container that is ${state.status} cannot have "${event.type}"`);
  }
  switch (event.type) {
    case 'started':
      return afterStart(state, event);
    case 'startFailed':
      return {
        ...ended(state),
        status: statusAfterFailure(state),
        exitCode: event.exitCode,
        error: event.error,
      };
    case 'paused':
      return { ...state, status: 'paused' };
    case 'unpaused':
      return { ...state, status: 'running' };
    case 'exited':
      return {
        ...ended(state),
        status: event.isRestarting ? 'restarting' : 'exited',
        exitCode: event.exitCode,
        isOomKilled: event.isOomKilled,
        finishedAt: event.at,
      };
    case 'restartCancelled':
      return { ...state, status: 'exited' };
    case 'removing':
      return { ...state, status: 'removing' };
    case 'died':
      return { ...ended(state), status: 'dead', error: event.error };
    case 'health':
      return { ...state, health: event.health };
  }
}

function afterStart(
  { finishedAt }: ContainerState,
  { pid, at, hasHealthcheck }: Extract<ContainerEvent, { type: 'started' }>,
): ContainerState {
  return {
    status: 'running',
    pid,
    exitCode: 0,
    error: '',
    isOomKilled: false,
    startedAt: at,
    ...(finishedAt !== undefined && { finishedAt }),
    ...(hasHealthcheck && { health: { status: 'starting', failingStreak: 0, log: [] } }),
  };
}

/** Without a process. The last health stays readable, as in Docker. */
function ended({ pid: _pid, ...state }: ContainerState): ContainerState {
  return state;
}

/** A first start that fails leaves it `created` (Docker); a later one, `exited`. */
function statusAfterFailure({ status }: ContainerState): ContainerStatus {
  return status === 'created' ? 'created' : 'exited';
}

interface Subject {
  readonly id: string;
  readonly name: string;
  readonly state: ContainerState;
}

// What a user may ask for in which status, in Docker's words: its clients and scripts match on them.

/** @throws {EngineError} `notModified` when it runs, `conflict` when paused or on its way out. */
export function checkStart({ state: { status } }: Subject): void {
  if (status === 'paused') {
    throw new EngineError('conflict', 'cannot start a paused container, try unpause instead');
  }
  if (status === 'running') throw new EngineError('notModified', 'container is already running');
  if (status === 'removing' || status === 'dead') {
    throw new EngineError('conflict', 'container is marked for removal and cannot be started');
  }
}

/** @throws {EngineError} `notModified` when it does not run. */
export function checkStop({ state: { status } }: Subject): void {
  if (!isAlive(status)) throw new EngineError('notModified', 'container is already stopped');
}

/** @throws {EngineError} `conflict` when there is no process to signal. */
export function checkKill({ id, name, state: { status } }: Subject): void {
  if (hasProcess(status)) return;
  throw new EngineError('conflict', `cannot kill container: ${name}: container ${id} is not running`);
}

/** @throws {EngineError} `conflict`. */
export function checkPause({ id, state: { status } }: Subject): void {
  if (status === 'paused') throw new EngineError('conflict', `container ${id} is already paused`);
  if (status === 'restarting') throw restarting(id);
  if (status !== 'running') throw new EngineError('conflict', `container ${id} is not running`);
}

/** @throws {EngineError} `conflict`. */
export function checkUnpause({ id, state: { status } }: Subject): void {
  if (status !== 'paused') throw new EngineError('conflict', `container ${id} is not paused`);
}

/** For `exec` and `top`. @throws {EngineError} `conflict`. */
export function checkExec({ id, state: { status } }: Subject): void {
  if (status === 'paused') {
    throw new EngineError(
      'conflict',
      `container ${shortId(id)} is paused, unpause the container before exec`,
    );
  }
  if (status === 'restarting') throw restarting(id);
  if (status !== 'running') throw new EngineError('conflict', `container ${id} is not running`);
}

/** @throws {EngineError} `conflict`. */
export function checkAttach({ id, state: { status } }: Subject): void {
  if (status === 'paused') {
    throw new EngineError(
      'conflict',
      `container ${shortId(id)} is paused, unpause the container before attach`,
    );
  }
  if (status === 'restarting') {
    throw new EngineError(
      'conflict',
      `container ${shortId(id)} is restarting, wait until the container is running before attach`,
    );
  }
}

/** Without force. @throws {EngineError} `conflict`. */
export function checkRemove({ id, name, state: { status } }: Subject): void {
  if (status === 'removing') {
    throw new EngineError('conflict', `removal of container ${id} is already in progress`);
  }
  if (!isAlive(status)) return;
  const advice =
    status === 'paused'
      ? ' and must be unpaused first'
      : ': stop the container before removing or force remove';
  throw new EngineError('conflict', `cannot remove container "/${name}": container is ${status}${advice}`);
}

/** Docker's `Running`: it has a process, or will have one again by itself. */
export function isAlive(status: ContainerStatus): boolean {
  return hasProcess(status) || status === 'restarting';
}

/** Whether there is a process, be it frozen. */
export function hasProcess(status: ContainerStatus): boolean {
  return status === 'running' || status === 'paused';
}

function restarting(id: string): EngineError {
  return new EngineError(
    'conflict',
    `Container ${shortId(id)} is restarting, wait until the container is running`,
  );
}
