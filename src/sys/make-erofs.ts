import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { TOOL_ENVIRONMENT } from './run-tool.ts';

const PROGRAMS = ['/usr/bin/mkfs.erofs', '/usr/sbin/mkfs.erofs', '/sbin/mkfs.erofs'];
const NICE = '/usr/bin/nice';
/** What is compressed at once: more saves space, less is read for one byte. */
const CLUSTER_BYTES = 65_536;

/** The program that makes EROFS file systems (Debian: erofs-utils); `undefined` when it is not installed. */
export function erofsMaker(): string | undefined {
  return PROGRAMS.find(path => existsSync(path));
}

/**
 * Makes a compressed EROFS file system (LZ4) of a tree: names, owners, modes, times, links, devices and extended attributes as they
 * are. Works when nobody else wants to.
 *
 * @throws an error with what the program said; the signal ends it.
 */
export async function makeErofs(
  program: string,
  { from, to, signal }: { readonly from: string; readonly to: string; readonly signal: AbortSignal },
): Promise<void> {
  const args = ['-zlz4', `-C${CLUSTER_BYTES}`, '--preserve-mtime', '--quiet', to, from];
  const [first, words] = existsSync(NICE) ? [NICE, ['-n', '19', program, ...args]] : [program, args];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const options = { env: TOOL_ENVIRONMENT, signal, killSignal: 'SIGKILL', maxBuffer: 256 * 1024 } as const;
  execFile(first, words, options, (error, _stdout, stderr) => {
    if (!error) resolve();
    else reject(new Error(`${program}: ${stderr.trim().slice(-500) || error.message}`, { cause: error }));
  });
  await promise;
}
