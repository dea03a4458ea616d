import { EngineError } from '#base/errors';

/** Files that may be shown in the place of the kernel's, such as lxcfs has them (runc: `checkProcMount`). */
const REPLACEABLE = new Set([
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/net/dev',
  '/proc/slabinfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/sys/crypto/fips_enabled',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/uptime',
]);

/**
 * Refuses mounts over procfs: a runtime that sets a process up there would write to, and believe, whatever is mounted
 * (CVE-2019-16884: a volume that an image declares took its AppArmor profile away).
 *
 * @param place where the mount is in the container, links resolved as far as that is possible
 * @throws {EngineError} `invalid` in runc's words.
 */
export function checkProcMount(place: string, { type, source }: { type: string; source: string }): void {
  if (place !== '/proc' && !place.startsWith('/proc/')) return;
  if (REPLACEABLE.has(place)) return;
  if (place === '/proc' && type === 'bind' && source === '/proc') return;
  throw new EngineError('invalid', `"${place}" cannot be mounted because it is inside /proc`);
}
