import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#sys/sys-error';

/** conmon's ctrl.c: numbers of its messages, and the largest terminal it takes. */
const RESIZE = 1;
const REOPEN_LOG = 2;
const MAX_SIZE = 1000;

/** Sets the size of the terminal that the conmon of a bundle holds. */
export function resizeTerminal(
  bundle: string,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): void {
  control(bundle, `${RESIZE} ${clamp(rows)} ${clamp(columns)}\n`);
}

/** Makes conmon write to a new log file, under the path it was given. */
export function reopenLog(bundle: string): void {
  control(bundle, `${REOPEN_LOG} 0 0\n`);
}

function clamp(size: number): number {
  return Math.min(Math.max(Math.trunc(size), 0), MAX_SIZE);
}

/** Happy when conmon has ended. */
function control(bundle: string, message: string): void {
  let fd: number;
  try {
    fd = openSync(join(bundle, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENXIO')) return;
    throw error;
  }
  try {
    writeSync(fd, message);
  } catch (error) {
    if (!isErrno(error, 'EPIPE')) throw error;
  } finally {
    closeSync(fd);
  }
}
