import { readdirSync, readFileSync } from 'node:fs';
import type { Target } from './target.ts';

/** Programs that engines run beside their containers: supervisors, shims, port proxies. */
const HELPERS = new Set([
  'conmon',
  'containerd-shim',
  'docker-proxy',
  'rootlessport',
  'netavark',
  'aardvark-dns',
]);

/** Proportional set size, in MB, of the engine's own processes. @throws when the command line does not name them */
export function ownMemoryOf(on: Target): number {
  if (on.pids.length === 0) throw new Error(`${on.name}: its memory needs --pid ${on.name}=PID[,PID…]`);
  return on.pids.reduce((sum, pid) => sum + pssBytes(String(pid)), 0) / 1_000_000;
}

/**
 * Proportional set size, in MB, of the engine's processes and of every helper on the machine: measured while only
 * one engine has containers, the difference is what these cost besides their own processes.
 */
export function memoryOf(on: Target): number {
  const helpers = readdirSync('/proc').filter(name => /^\d+$/.test(name) && isHelper(name));
  const pids = new Set([...on.pids.map(String), ...helpers]);
  return [...pids].reduce((sum, pid) => sum + pssBytes(pid), 0) / 1_000_000;
}

/** comm is cut at 15 letters by the kernel. */
function isHelper(pid: string): boolean {
  const name = read(`/proc/${pid}/comm`).trim();
  return [...HELPERS].some(helper => helper.slice(0, 15) === name);
}

function pssBytes(pid: string): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
