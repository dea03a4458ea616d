import { execFile } from 'node:child_process';

/** Folders that a user's PATH often lacks and that hold what we look for. */
const ADMIN_FOLDERS = '/usr/local/sbin:/usr/sbin:/sbin';

/** All that such programs get of an environment. */
export const TOOL_ENVIRONMENT = {
  PATH: `/usr/local/bin:/usr/bin:/bin:${ADMIN_FOLDERS}`,
  LC_ALL: 'C',
} as const;

/**
 * Runs a small program to its end and returns what it said on both streams. Never throws: status 127 when
 * the program is not there, 124 when it took longer than `timeoutMs` (then it is killed). For checks and
 * repairs only; nothing on the way of a container start calls it.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<{ readonly status: number; readonly output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; output: string }>();
  const options = {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024,
    env: TOOL_ENVIRONMENT,
  } as const;
  execFile(program, args, options, (error, stdout, stderr) => {
    resolve({ status: error ? statusOf(error) : 0, output: `${stdout}${stderr}` });
  });
  return promise;
}

function statusOf(error: { readonly code?: unknown; readonly killed?: boolean }): number {
  if (error.code === 'ENOENT') return 127;
  if (error.killed) return 124;
  return typeof error.code === 'number' ? error.code : 1;
}
