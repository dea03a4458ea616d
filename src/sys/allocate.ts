import { check, declare } from './libc.ts';

const FALLOC_FL_KEEP_SIZE = 1;

const cFallocate = declare('int fallocate(int fd, int mode, long offset, long length)');

/**
 * Has the blocks of the first `bytes` of a file on the disk, also of those that are not written yet: its size stays as it is (fallocate(2)).
 * What is written there later needs no room any more.
 *
 * @throws {SysError} `ENOSPC`, `EDQUOT`; `EOPNOTSUPP` where the file system cannot.
 */
export function allocateBlocks(fd: number, bytes: number): void {
  check('fallocate', cFallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes), `${fd}`);
}
