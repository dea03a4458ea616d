import { getPriority, setPriority } from 'node:os';
import { check, declare } from './libc.ts';

const schedSetscheduler = declare('int sched_setscheduler(int pid, int policy, const void *param)');
const SCHED_OTHER = 0;
const SCHED_RESET_ON_FORK = 0x40000000;
/** `struct sched_param`: one int, the priority, of which this policy has none */
const NO_PRIORITY = Buffer.alloc(4);
const ORDINARY = 0;

/**
 * Gives the thread that calls this, and nothing that it starts, a better place in the queue for processors: threads and programs have
 * the ordinary place again (`SCHED_RESET_ON_FORK`, sched(7)). Where somebody has given this process another place already, that stays.
 *
 * @param nice as setpriority(2) has it: -20 is first, 19 last
 * @throws {SysError} or an error of Node's with `EACCES` where this process may not (`CAP_SYS_NICE`).
 */
export function favorThisThread(nice: number): void {
  if (getPriority() !== ORDINARY) return;
  // This first: nothing that is started in between may inherit it.
  check('sched_setscheduler', schedSetscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, NO_PRIORITY));
  setPriority(nice); // of the calling thread only, as Linux has it
}
