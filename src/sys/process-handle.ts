import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { adopt } from './adopted-socket.ts';
import { OwnedFd } from './descriptors.ts';
import { check, declare, lastErrno } from './libc.ts';
import { isErrno } from './sys-error.ts';

/** One process for good: a pid may be used again, a pid together with its start time is not. */
export interface ProcessHandle {
  readonly pid: number;
  /** clock ticks since boot, field 22 of proc_pid_stat(5) */
  readonly startTicks: number;
}

const syscall3 = declare('long syscall(long number, int a, int b, void *c, unsigned int d)');
/** The same numbers on every architecture (include/uapi/asm-generic/unistd.h). */
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

/** @returns undefined when there is no such process, or only its zombie. */
export function findProcess(pid: number): ProcessHandle | undefined {
  const startTicks = readStartTicks(pid);
  return startTicks === undefined ? undefined : { pid, startTicks };
}

/** Whether it still runs: not ended, not a zombie, and not another process under its number. */
export function isAlive({ pid, startTicks }: ProcessHandle): boolean {
  return readStartTicks(pid) === startTicks;
}

/**
 * Sends a signal to exactly this process, by a pidfd.
 *
 * @returns whether it was there to get it.
 * @throws {SysError} `EINVAL` for a number that is no signal.
 */
export function signalProcess(handle: ProcessHandle, signal: number): boolean {
  using pidfd = openPidfd(handle);
  if (!pidfd) return false;
  const result = syscall3(SYS_PIDFD_SEND_SIGNAL, pidfd.number, signal, null, 0);
  if (result === -1 && lastErrno() === constants.errno.ESRCH) return false;
  check('pidfd_send_signal', result, `${handle.pid}`);
  return true;
}

/**
 * Calls back once when the process has ended, at once if it has. Keeps no event loop alive.
 *
 * For processes that are not our children; it takes a descriptor until then.
 */
export function watchProcess(handle: ProcessHandle, onEnd: () => void): Disposable {
  const pidfd = openPidfd(handle);
  if (!pidfd) {
    queueMicrotask(onEnd);
    return { [Symbol.dispose]: () => undefined };
  }
  // A pidfd becomes readable when the process ends, and then fails to be read.
  const socket = adopt(pidfd, { memory: Buffer.alloc(1), onPacket: () => true });
  socket.unref();
  socket.on('error', () => undefined);
  socket.once('close', onEnd);
  return {
    [Symbol.dispose]: () => {
      socket.off('close', onEnd);
      socket.destroy();
    },
  };
}

/** A descriptor for this process, however its number is used later. @returns undefined when it has ended. */
function openPidfd(handle: ProcessHandle): OwnedFd | undefined {
  const number = syscall3(SYS_PIDFD_OPEN, handle.pid, 0, null, 0);
  if (number === -1 && ENDED.has(lastErrno())) return undefined;
  const pidfd = new OwnedFd(check('pidfd_open', number, `${handle.pid}`));
  // The descriptor holds whoever has the number now; only from here on does the comparison mean anything.
  if (isAlive(handle)) return pidfd;
  pidfd[Symbol.dispose]();
  return undefined;
}

/** EINVAL: the number belongs to a thread now. */
const ENDED = new Set([constants.errno.ESRCH, constants.errno.EINVAL]);

/** The process that started it, or that has taken it on: conmon makes itself the one for what it supervises. */
export function findParent(pid: number): ProcessHandle | undefined {
  const parent = Number(readStat(pid)?.[1]);
  return parent > 0 ? findProcess(parent) : undefined;
}

function readStartTicks(pid: number): number | undefined {
  const fields = readStat(pid);
  const state = fields?.[0];
  const startTicks = Number(fields?.[19]);
  return state === 'Z' || state === 'X' || !Number.isSafeInteger(startTicks) ? undefined : startTicks;
}

/** The fields of proc_pid_stat(5) from the third, the state, on. */
function readStat(pid: number): string[] | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, also spaces and parentheses: count from its end.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

/** Its child processes (proc_pid_children(5)); complete while it is stopped. */
export function findChildren(pid: number): ProcessHandle[] {
  const list = readIfThere(`/proc/${pid}/task/${pid}/children`) ?? '';
  const pids = list.split(' ').filter(Boolean).map(Number);
  return pids.map(findProcess).filter(child => child !== undefined);
}
