import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;
/** of proc_pid_stat(5), from the third on: utime and stime, cutime and cstime */
const OWN = 11;
const OF_CHILDREN = 13;

/** @returns seconds that a process worked, in user and kernel mode */
export function workedBy(pid: number): number {
  return secondsOf(String(pid), OWN);
}

/** @returns seconds that children of this process worked that have ended */
export function workedByChildren(): number {
  return secondsOf('self', OF_CHILDREN);
}

function secondsOf(process: string, first: number): number {
  const fields = readFileSync(`/proc/${process}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[first]) + Number(fields[first + 1])) / TICKS_PER_SECOND;
}
