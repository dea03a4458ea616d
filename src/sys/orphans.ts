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

/**
 * Makes this process the parent of what its children leave behind, instead of the host's init. A zombie that nobody
 * reaps keeps its pid name space from ending, and there are hosts whose first process reaps late or never.
 */
export function adoptOrphans(): void {
  check('prctl', prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/**
 * Reaps the orphans that have ended, of other pid name spaces only: what a program of ours left in a container. Children
 * in our own are those of whoever started them.
 */
export function reapOrphans(): void {
  for (const pid of readLines(`/proc/self/task/${process.pid}/children`, ' ')) {
    if (isSpawned(Number(pid))) continue;
    const status = readLines(`/proc/${pid}/status`, '\n');
    const isZombie = status.some(line => line.startsWith('State:\tZ'));
    const numbers = status.find(line => line.startsWith('NSpid:'))?.split('\t') ?? [];
    // "NSpid:", the number here, and one more for each name space below ours
    if (isZombie && numbers.length > 2) waitpid(Number(pid), [0], WNOHANG);
  }
}

function readLines(file: string, separator: string): string[] {
  try {
    return readFileSync(file, 'latin1').split(separator).filter(Boolean);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}
