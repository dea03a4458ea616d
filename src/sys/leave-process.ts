import { declare } from './libc.ts';

const cExit = declare('void _exit(int status)');

/**
 * Ends the process at once, by the kernel alone (_exit(2)). `process.exit` waits for every thread, also for one that waits for a
 * file server without end; here the kernel ends that, too. Nothing is flushed, and no handler runs.
 */
export function leaveProcess(status: number): never {
  cExit(status);
  throw new TypeError('unreachable');
}
