import { constants } from 'node:os';

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(constants.errno));
/** Of two names of one number the first, which is Node's own choice too. */
const ERRNO_NAMES = new Map([...NUMBERS].toReversed().map(([name, number]) => [number, name]));

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

/** Whether an error is one of these. Two names of one number, as `EAGAIN` and `EWOULDBLOCK`, are the same. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  const { code } = error;
  if (typeof code !== 'string') return false;
  const number = numberOf(code, error);
  return codes.some(each => each === code || (number !== undefined && NUMBERS.get(each) === number));
}

/** Node has no names for some, such as `EDQUOT`: it calls them `UNKNOWN` and gives the number, negative. */
function numberOf(code: string, error: object): number | undefined {
  if (code === 'UNKNOWN' && 'errno' in error) return Math.abs(Number(error.errno));
  return NUMBERS.get(code);
}
