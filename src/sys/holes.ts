import { check, declare, lastErrno } from './libc.ts';
import { isErrno, SysError } from './sys-error.ts';

const SEEK_SET = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const cLseek = declare('long lseek(int fd, long offset, int whence)');

export interface Segment {
  readonly offset: number;
  readonly length: number;
}

/** Where a file has content; between these are holes, which read as zeros. Moves the position of `fd`. */
export function* dataSegments(fd: number, size: number): Generator<Segment> {
  for (let end = 0; end < size; ) {
    const offset = nextData(fd, end);
    if (offset === undefined || offset >= size) return;
    end = Math.min(check('lseek', cLseek(fd, offset, SEEK_HOLE)), size);
    yield { offset, length: end - offset };
  }
}

export function seekTo(fd: number, offset: number): void {
  check('lseek', cLseek(fd, offset, SEEK_SET));
}

function nextData(fd: number, from: number): number | undefined {
  const offset = cLseek(fd, from, SEEK_DATA);
  if (offset >= 0) return offset;
  const error = new SysError('lseek', lastErrno(), `${fd}`);
  if (isErrno(error, 'ENXIO')) return undefined; // only a hole is left
  throw error;
}
