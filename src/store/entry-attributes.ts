import { fchmodSync, fchownSync, ftruncateSync } from 'node:fs';
import type { TarEntry } from '#spec/tar/tar-entry';
import { AT_FDCWD, chmodAt, chownAt, setTimesAt, setTimesFd } from '#sys/at';
import { isErrno } from '#sys/sys-error';
import { setXattr, setXattrFd } from '#sys/xattr';
import { cName } from './layer-path.ts';

/** Owner before mode: chown(2) takes setuid away. Capabilities after both: it takes them away too. */
export function finishFile(fd: number, entry: TarEntry): void {
  if (entry.sparse) ftruncateSync(fd, entry.sparse.realSize);
  fchownSync(fd, entry.uid, entry.gid);
  fchmodSync(fd, entry.mode);
  for (const [key, value] of entry.xattrs) setOne(key, () => setXattrFd(fd, key, value));
  setTimesFd(fd, entry.mtimeSeconds, entry.mtimeNanos);
}

/** Of an open directory; its times change with what is put in. */
export function setAttributesFd(fd: number, { uid, gid, mode, xattrs }: TarEntry): void {
  fchownSync(fd, uid, gid);
  fchmodSync(fd, mode);
  for (const [key, value] of xattrs) setOne(key, () => setXattrFd(fd, key, value));
}

/** Of the entry itself, not of what a link points at. */
export function setXattrsAt(path: Buffer, { xattrs }: TarEntry): void {
  for (const [key, value] of xattrs) setOne(key, () => setXattr(path, key, value));
}

export function setAttributes(
  path: string,
  entry: TarEntry,
  { hasMode = true }: { readonly hasMode?: boolean } = {},
): void {
  const target = cName(path);
  chownAt(AT_FDCWD, target, entry.uid, entry.gid);
  if (hasMode) chmodAt(AT_FDCWD, target, entry.mode);
  for (const [key, value] of entry.xattrs) setOne(key, () => setXattr(target, key, value));
  if (entry.type !== 'directory') setTimesAt(AT_FDCWD, target, entry.mtimeSeconds, entry.mtimeNanos);
}

/** What would steer overlayfs itself is not the archive's to say; what the file system cannot keep is dropped, as Docker does. */
function setOne(key: string, set: () => void): void {
  if (key.startsWith('trusted.overlay.') || key.startsWith('user.overlay.')) return;
  try {
    set();
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'EPERM')) throw error;
  }
}
