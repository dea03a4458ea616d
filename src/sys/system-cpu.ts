import { readFileSync } from 'node:fs';

/** What all processors together have done since boot, idling included. */
export interface SystemCpu {
  readonly usageNanos: number;
  readonly onlineCpus: number;
}

/** `USER_HZ`, on every architecture Node runs on */
const TICK_NANOS = 1e9 / 100;
/** user, nice, system, idle, iowait, irq, softirq, steal: what guests take is in user already */
const COUNTED = 8;

/** Reads /proc/stat (proc_stat(5)). */
export function readSystemCpu(path = '/proc/stat'): SystemCpu {
  const lines = readFileSync(path, 'latin1').split('\n');
  const total =
    lines[0]
      ?.trim()
      .split(/\s+/)
      .slice(1, 1 + COUNTED)
      .map(Number) ?? [];
  return {
    usageNanos: total.reduce((sum, ticks) => sum + ticks, 0) * TICK_NANOS,
    onlineCpus: lines.filter(line => /^cpu\d/.test(line)).length,
  };
}
