import { readdirSync, readFileSync, statSync } from 'node:fs';
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
  return on.pids.reduce((sum, pid) => sum + memoryBytes(String(pid)), 0) / 1_000_000;
}

/**
 * Proportional set size, in MB, of the engine's processes and of every helper on the machine: measured while only
 * one engine has containers, the difference is what these cost besides their own processes.
 */
export function memoryOf(on: Target): number {
  const helpers = readdirSync('/proc').filter(name => /^\d+$/.test(name) && isHelper(name));
  const pids = new Set([...on.pids.map(String), ...helpers]);
  return [...pids].reduce((sum, pid) => sum + memoryBytes(pid), 0) / 1_000_000;
}

/** comm is cut at 15 letters by the kernel. */
function isHelper(pid: string): boolean {
  const name = read(`/proc/${pid}/comm`).trim();
  return [...HELPERS].some(helper => helper.slice(0, 15) === name);
}

const NODE = String(statSync(process.execPath).ino);

/** Proportional, but for pages of the Node that runs this: an engine that runs on the same one would look smaller than it is. */
function memoryBytes(pid: string): number {
  let kilobytes = 0;
  let counted = 'Pss';
  for (const line of read(`/proc/${pid}/smaps`).split('\n')) {
    const inode = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)/.exec(line)?.[1];
    if (inode !== undefined) counted = inode === NODE ? 'Rss' : 'Pss';
    else if (line.startsWith(`${counted}:`)) kilobytes += Number.parseInt(line.slice(counted.length + 1), 10);
  }
  return kilobytes * 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
