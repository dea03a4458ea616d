import { readFileSync } from 'node:fs';
import { check, declare } from './libc.ts';
import { isSpawned } from './spawn.ts';
import { isErrno } from './sys-error.ts';

const prctl = declare(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);
const waitpid = declare('int waitpid(int pid, _Out_ int *status, int options)');
const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;

/** Several that end at about the same time are looked for once. */
const REAP_DELAY_MS = 20;
let isAdopting = false;
let soon: NodeJS.Timeout | undefined;

/**
 * Makes this process the parent of what its children leave behind, instead of the host's init, and has them reaped when they end,
 * whoever waits for that. A zombie that nobody reaps keeps its pid name space from ending, and there are hosts whose first process
 * reaps late or never.
 */
export function adoptOrphans(): void {
  check('prctl', prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  if (isAdopting) return;
  isAdopting = true;
  process.on('SIGCHLD', () => {
    soon ??= setTimeout(() => {
      soon = undefined;
      reapOrphans();
    }, REAP_DELAY_MS).unref();
  });
}

/**
 * Reaps the orphans that have ended: zombies of other sessions, which conmon and the runtimes open for what they start.
 * Those of our own session belong to whoever started them here.
 */
export function reapOrphans(): void {
  const ours = statOf('self').session;
  for (const pid of readIfThere(`/proc/self/task/${process.pid}/children`).split(' ').filter(Boolean)) {
    if (isSpawned(Number(pid))) continue;
    const { state, session } = statOf(pid);
    if (state === 'Z' && session !== ours) waitpid(Number(pid), [0], WNOHANG);
  }
}

/** proc_pid_stat(5); the name in parentheses may hold anything. */
function statOf(pid: string): { readonly state: string; readonly session: string } {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const [state = '', , , session = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state, session };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return '';
    throw error;
  }
}
