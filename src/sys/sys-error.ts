import { constants } from 'node:os';

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A system call that failed. `code` is the errno's name (`EBUSY`), `target` what it was done to. */
export class SysError extends Error {
  override readonly name = 'SysError';
  readonly syscall: string;
  readonly errno: number;
  readonly code: string;
  readonly target: string;

  constructor(syscall: string, errno: number, target: string | Readonly<Record<string, unknown>> = '') {
    const code = ERRNO_NAMES.get(errno) ?? `E${errno}`;
    const on = typeof target === 'string' ? target : JSON.stringify(target);
    super(`${syscall}${on ? ` ${on}` : ''}: ${code}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
    this.target = on;
  }
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return typeof error.code === 'string' && codes.includes(nameOf(error.code, error));
}

/** Node has no names for some, such as `EDQUOT`: it calls them `UNKNOWN` and gives the number, negative. */
function nameOf(code: string, error: object): string {
  if (code !== 'UNKNOWN' || !('errno' in error)) return code;
  return ERRNO_NAMES.get(Math.abs(Number(error.errno))) ?? code;
}
