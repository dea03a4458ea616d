import { declare, lastErrno } from './libc.ts';
import { isErrno, SysError } from './sys-error.ts';

const cSet = declare(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);
const cSetFollowed = declare(
  'int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);
const cGet = declare('long lgetxattr(const char *path, const char *name, void *value, size_t size)');
const cList = declare('long llistxattr(const char *path, void *list, size_t size)');
const cFset = declare('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)');

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h */
const MAX_BYTES = 65_536;
/** The calls are synchronous: one is enough. */
const buffer = Buffer.alloc(MAX_BYTES);

/** Sets an extended attribute of the file itself, not of what a link points at. @throws {SysError} */
export function setXattr(path: string | Buffer, name: string, value: Buffer): void {
  if (cSet(path, name, value, value.length, 0) === -1) throw new SysError('lsetxattr', lastErrno(), name);
}

/** Sets an extended attribute of an open file. @throws {SysError} */
export function setXattrFd(fd: number, name: string, value: Buffer): void {
  if (cFset(fd, name, value, value.length, 0) === -1) throw new SysError('fsetxattr', lastErrno(), name);
}

/** Sets an extended attribute of the file that a handle (O_PATH) names, whatever it is. @throws {SysError} */
export function setXattrHandle(fd: number, name: string, value: Buffer): void {
  if (cSetFollowed(`/proc/self/fd/${fd}`, name, value, value.length, 0) === -1)
    throw new SysError('setxattr', lastErrno(), name);
}

/** `undefined` when the file has no such attribute, or its file system none at all. @throws {SysError} */
export function getXattr(path: string | Buffer, name: string): Buffer | undefined {
  const length = cGet(path, name, buffer, buffer.length);
  if (length >= 0) return Buffer.from(buffer.subarray(0, length));
  const error = new SysError('lgetxattr', lastErrno(), name);
  if (isErrno(error, 'ENODATA', 'EOPNOTSUPP')) return undefined;
  throw error;
}

/** Names of all extended attributes; none where the file system has none. @throws {SysError} */
export function listXattrs(path: string | Buffer): string[] {
  const length = cList(path, buffer, buffer.length);
  if (length === 0) return [];
  if (length > 0) return buffer.toString('utf8', 0, length - 1).split('\0');
  const error = new SysError('llistxattr', lastErrno());
  if (isErrno(error, 'EOPNOTSUPP')) return [];
  throw error;
}
