import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { dupAbove } from './descriptors.ts';
import { check, declare, declareAsync } from './libc.ts';
import { SysError } from './sys-error.ts';

export interface SpawnOptions {
  /** absolute path: nothing is searched for */
  readonly file: string;
  /** without the program's name */
  readonly args: readonly string[];
  /** its name as it sees it, and as ps(1) shows it (default `file`) */
  readonly name?: string;
  /** the whole environment: nothing is inherited */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** the child's descriptor → ours, which stays open. 0, 1 and 2 are `/dev/null` unless given here; all others are closed. */
  readonly fds?: ReadonlyMap<number, number>;
  /** in a session of its own (default false): what is typed at our terminal does not interrupt it */
  readonly hasOwnSession?: boolean;
}

/** How a process ended: by `exit(code)`, or by a signal. */
export type ProcessStatus =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: number };

export interface SpawnedProcess {
  readonly pid: number;
  /** Resolves when it has ended and was reaped. Keeps no event loop alive. */
  readonly exited: Promise<ProcessStatus>;
  /** Sends a signal, unless it was reaped already: its number cannot mean another process. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a program by posix_spawn(3): 0.1 ms, however large this process is, where `node:child_process` forks.
 *
 * Signals are back to their defaults and unblocked in the child; it has exactly the descriptors of `fds`, which must stay open
 * until this has resolved.
 *
 * The caller of posix_spawn waits until the child runs the program, for which that needs a processor: 200 ms on a busy machine.
 * So it is called on a thread of the pool.
 *
 * @throws {SysError} when the program cannot be started.
 */
export async function spawn({
  file,
  args,
  name = file,
  env = {},
  cwd,
  fds = new Map(),
  hasOwnSession = false,
}: SpawnOptions): Promise<SpawnedProcess> {
  const pidOut = [0];
  const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  watchChildren();
  const actions = new FileActions();
  try {
    actions.setDescriptors(fds);
    if (cwd !== undefined) actions.changeDirectory(cwd);
    const argv = [name, ...args, null];
    const errno = await posixSpawn(pidOut, file, actions.memory, attributes(hasOwnSession), argv, [
      ...environment,
      null,
    ]);
    if (errno !== 0) throw new SysError('posix_spawn', errno, file);
  } finally {
    actions.dispose();
  }
  const pid = pidOut[0] ?? 0;
  const { promise, resolve } = Promise.withResolvers<ProcessStatus>();
  children.set(pid, resolve);
  reap(pid, resolve); // it may have ended before we knew its number
  return {
    pid,
    exited: promise,
    kill: signal => void (children.has(pid) && process.kill(pid, signal)),
  };
}

const posixSpawn = declareAsync(
  'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)',
);
const actionsInit = declare('int posix_spawn_file_actions_init(void *actions)');
const actionsDestroy = declare('int posix_spawn_file_actions_destroy(void *actions)');
const actionsDup = declare('int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)');
const actionsOpen = declare(
  'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
);
const actionsChdir = declare('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)');
/** glibc 2.34 */
const actionsCloseFrom = declare('int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)');
const attrInit = declare('int posix_spawnattr_init(void *attr)');
const attrFlags = declare('int posix_spawnattr_setflags(void *attr, short flags)');
const attrDefaults = declare('int posix_spawnattr_setsigdefault(void *attr, void *set)');
const attrMask = declare('int posix_spawnattr_setsigmask(void *attr, void *set)');
const sigfillset = declare('int sigfillset(void *set)');
const waitpid = declare('int waitpid(int pid, _Out_ int *status, int options)');

/** Upper bounds of glibc's sizes: 80 and 336 bytes on every 64-bit architecture; sigset_t is 128. */
const ACTIONS_BYTES = 256;
const ATTR_BYTES = 512;
const SIGSET_BYTES = 128;
/** <spawn.h> */
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
/** glibc 2.26 */
const SETSID = 0x80;
const O_RDWR = 2;
const WNOHANG = 1;

/** The file actions of one start; the C library keeps memory of its own for them until {@link dispose}. */
class FileActions {
  readonly memory = Buffer.alloc(ACTIONS_BYTES);
  readonly #borrowed: number[] = [];

  constructor() {
    must('posix_spawn_file_actions_init', actionsInit(this.memory));
  }

  setDescriptors(fds: ReadonlyMap<number, number>): void {
    const top = Math.max(2, ...fds.keys());
    for (const [target, ours] of fds) {
      // Out of the way of the targets: dup2 onto a number that is still to be copied would lose it, and onto
      // itself it would leave the descriptor close-on-exec.
      const source = ours <= top ? this.#borrow(ours, top + 1) : ours;
      must('posix_spawn_file_actions_adddup2', actionsDup(this.memory, source, target));
    }
    for (const target of [0, 1, 2]) {
      if (fds.has(target)) continue;
      must('posix_spawn_file_actions_addopen', actionsOpen(this.memory, target, '/dev/null', O_RDWR, 0));
    }
    must('posix_spawn_file_actions_addclosefrom_np', actionsCloseFrom(this.memory, top + 1));
  }

  changeDirectory(path: string): void {
    must('posix_spawn_file_actions_addchdir_np', actionsChdir(this.memory, path));
  }

  dispose(): void {
    actionsDestroy(this.memory);
    for (const fd of this.#borrowed) closeSync(fd);
  }

  #borrow(fd: number, above: number): number {
    const copy = dupAbove(fd, above);
    this.#borrowed.push(copy);
    return copy;
  }
}

const preparedAttributes = new Map<boolean, Buffer>();

function attributes(hasOwnSession: boolean): Buffer {
  const prepared = preparedAttributes.get(hasOwnSession);
  if (prepared) return prepared;
  const memory = Buffer.alloc(ATTR_BYTES);
  const all = Buffer.alloc(SIGSET_BYTES);
  check('sigfillset', sigfillset(all));
  must('posix_spawnattr_init', attrInit(memory));
  must('posix_spawnattr_setflags', attrFlags(memory, SETSIGDEF | SETSIGMASK | (hasOwnSession ? SETSID : 0)));
  must('posix_spawnattr_setsigdefault', attrDefaults(memory, all));
  must('posix_spawnattr_setsigmask', attrMask(memory, Buffer.alloc(SIGSET_BYTES)));
  preparedAttributes.set(hasOwnSession, memory);
  return memory;
}

/** These functions return the errno instead of setting it. */
function must(call: string, errno: number): void {
  if (errno !== 0) throw new SysError(call, errno);
}

/** Children that were not reaped yet. libuv only ever reaps its own, by their pids. */
const children = new Map<number, (status: ProcessStatus) => void>();
let isWatching = false;

/** Whether it was started here and not reaped yet. */
export function isSpawned(pid: number): boolean {
  return children.has(pid);
}

function watchChildren(): void {
  if (isWatching) return;
  isWatching = true;
  process.on('SIGCHLD', reapChildren);
}

function reapChildren(): void {
  for (const [pid, resolve] of children) reap(pid, resolve);
}

/** Does nothing while it runs. */
function reap(pid: number, resolve: (status: ProcessStatus) => void): void {
  const status = [0];
  const reaped = waitpid(pid, status, WNOHANG);
  if (reaped === 0) return;
  children.delete(pid);
  // -1: someone else reaped it, which nobody should; its status is lost.
  resolve(reaped === pid ? decodeStatus(status[0] ?? 0) : { signal: constants.signals.SIGKILL });
}

/** wait(2): the low seven bits are the signal, or zero and the next byte is the exit code. */
function decodeStatus(status: number): ProcessStatus {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}
