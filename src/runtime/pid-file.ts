import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#sys/sys-error';

/** The pid that the runtime wrote into a bundle, of a container or an exec; undefined when there is none yet. */
export function readPidFile(bundle: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(bundle, 'pidfile'), 'utf8'), 10);
    return pid > 0 ? pid : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
