import { closeSync, constants } from 'node:fs';
import { type Name, openAt, S_IFDIR, S_IFMT, S_IFREG, statAt } from './at.ts';
import { declare } from './libc.ts';

/** linux/fs.h */
const FS_IOC_GETFLAGS = 0x8008_6601;
const FS_IOC_SETFLAGS = 0x4008_6602;
const FS_IMMUTABLE_FL = 0x10;
const FS_APPEND_FL = 0x20;

const cIoctl = declare('int ioctl(int fd, unsigned long request, void *flags)');

/** Takes the immutable and append-only flags (chattr(1)) off an open file. @returns whether it had one. */
export function clearProtectionFd(fd: number): boolean {
  const flags = Buffer.alloc(8);
  if (cIoctl(fd, FS_IOC_GETFLAGS, flags) === -1) return false; // the file system has no flags
  const value = flags.readUInt32LE(0);
  if ((value & (FS_IMMUTABLE_FL | FS_APPEND_FL)) === 0) return false;
  flags.writeUInt32LE((value & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) >>> 0, 0);
  return cIoctl(fd, FS_IOC_SETFLAGS, flags) === 0;
}

/** As {@link clearProtectionFd}, for an entry of a directory. Opens only files and directories: never a device. */
export function clearProtectionAt(dirFd: number, name: Name): boolean {
  const type = statAt(dirFd, name).mode & S_IFMT;
  if (type !== S_IFREG && type !== S_IFDIR) return false;
  const fd = openAt(dirFd, name, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return clearProtectionFd(fd);
  } finally {
    closeSync(fd);
  }
}
