import { randomInt } from 'node:crypto';
import { withDirectory } from './at.ts';
import { check, declare, lastErrno } from './libc.ts';
import { isErrno, SysError } from './sys-error.ts';

/**
 * Limits of directories by project quotas, which ext4 and xfs have when they are mounted with `prjquota`: a directory gets a number of its
 * own, everything made in it inherits that, and the kernel counts by numbers (ioctl_xfs_fsgetxattr(2), quotactl(2)).
 */
const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');
const cQuotactlFd = declare(
  'long syscall(long number, int fd, unsigned int command, unsigned int id, void *argument)',
);

/** The same on every architecture; Linux 5.14. Quotactl(2) would want a device that containers of ours need not have. */
const SYS_QUOTACTL_FD = 443;
/** linux/fs.h */
const FS_IOC_FSGETXATTR = 0x801c_581f;
const FS_IOC_FSSETXATTR = 0x401c_5820;
const FSXATTR_BYTES = 28;
const PROJECT_OFFSET = 12;
const FS_XFLAG_PROJINHERIT = 0x200;
/** linux/dqblk_xfs.h, linux/quota.h: commands for projects */
const PRJQUOTA = 2;
const Q_XGETQUOTA = (0x5803 << 8) | PRJQUOTA;
const Q_XSETQLIM = (0x5804 << 8) | PRJQUOTA;
const Q_XGETQSTAT = (0x5805 << 8) | PRJQUOTA;
const FS_QUOTA_PDQ_ENFD = 1 << 5;
const FS_DQ_LIMITS = (1 << 2) | (1 << 3);
const QUOTA_BYTES = 112;
const BLOCK_BYTES = 512;
/** Numbers that administrators and other programs do not use: they count from 1, or from their directory's. */
const FIRST_PROJECT = 0x4000_0000;
const LAST_PROJECT = 0x7fff_ffff;
const ATTEMPTS = 20;

/** Whether the file system of a directory holds projects to their limits. */
export function enforcesProjectQuotas(directory: string): boolean {
  return withDirectory(directory, fd => {
    const stat = Buffer.alloc(256);
    if (quotactl(fd, Q_XGETQSTAT, 0, stat) !== 0) return false;
    return (stat.readUInt16LE(2) & FS_QUOTA_PDQ_ENFD) !== 0;
  });
}

/** Limits what an empty directory, and everything that will be in it, may take. @throws {SysError} */
export function limitDirectory(directory: string, limitBytes: number): void {
  withDirectory(directory, fd => {
    const project = freeProject(fd, directory);
    setLimit(fd, project, limitBytes, directory);
    const attributes = readAttributes(fd, directory);
    attributes.writeUInt32LE((attributes.readUInt32LE(0) | FS_XFLAG_PROJINHERIT) >>> 0, 0);
    attributes.writeUInt32LE(project, PROJECT_OFFSET);
    check('ioctl(FS_IOC_FSSETXATTR)', cIoctl(fd, FS_IOC_FSSETXATTR, attributes), directory);
  });
}

/**
 * Whether a directory has more than its limit: ext4 does not hold those to it that have CAP_SYS_RESOURCE, such as the engine; a container has
 * it only when it is given.
 */
export function exceedsLimit(directory: string): boolean {
  return withDirectory(directory, fd => {
    const attributes = Buffer.alloc(FSXATTR_BYTES);
    if (cIoctl(fd, FS_IOC_FSGETXATTR, attributes) === -1) return false; // a file system without projects
    const project = attributes.readUInt32LE(PROJECT_OFFSET);
    const quota = Buffer.alloc(QUOTA_BYTES);
    if (!isOurs(project) || quotactl(fd, Q_XGETQUOTA, project, quota) !== 0) return false;
    const [limit, used] = [quota.readBigUInt64LE(8), quota.readBigUInt64LE(40)];
    return limit > 0n && used > limit;
  });
}

/** Forgets the limit of a directory that is about to be removed. Happy to find none. */
export function releaseLimit(directory: string): void {
  try {
    withDirectory(directory, fd => {
      const project = readAttributes(fd, directory).readUInt32LE(PROJECT_OFFSET);
      if (isOurs(project)) setLimit(fd, project, 0, directory);
    });
  } catch (error) {
    const isNone = isErrno(error, 'ENOENT', 'ENOTDIR', 'ENOTTY', 'EOPNOTSUPP', 'ENOSYS', 'ESRCH', 'EINVAL');
    if (!isNone) throw error;
  }
}

function isOurs(project: number): boolean {
  return project >= FIRST_PROJECT && project <= LAST_PROJECT;
}

function readAttributes(fd: number, directory: string): Buffer {
  const attributes = Buffer.alloc(FSXATTR_BYTES);
  check('ioctl(FS_IOC_FSGETXATTR)', cIoctl(fd, FS_IOC_FSGETXATTR, attributes), directory);
  return attributes;
}

/** A number that nothing is counted for, and that has no limit. */
function freeProject(fd: number, directory: string): number {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const project = randomInt(FIRST_PROJECT, LAST_PROJECT + 1);
    const quota = Buffer.alloc(QUOTA_BYTES);
    const errno = quotactl(fd, Q_XGETQUOTA, project, quota);
    if (errno !== 0) {
      const error = new SysError('quotactl_fd(Q_XGETQUOTA)', errno, directory);
      if (isErrno(error, 'ENOENT', 'ESRCH')) return project;
      throw error;
    }
    const [hardLimit, used, inodes] = [
      quota.readBigUInt64LE(8),
      quota.readBigUInt64LE(40),
      quota.readBigUInt64LE(48),
    ];
    if (hardLimit === 0n && used === 0n && inodes === 0n) return project;
  }
  throw new SysError('quotactl_fd(Q_XGETQUOTA)', 17, directory); // EEXIST: somebody has them all
}

/** 0: no limit. */
function setLimit(fd: number, project: number, limitBytes: number, directory: string): void {
  const quota = Buffer.alloc(QUOTA_BYTES);
  const blocks = BigInt(Math.ceil(limitBytes / BLOCK_BYTES));
  quota.writeInt8(1, 0); // version
  quota.writeInt8(PRJQUOTA, 1);
  quota.writeUInt16LE(FS_DQ_LIMITS, 2);
  quota.writeUInt32LE(project, 4);
  quota.writeBigUInt64LE(blocks, 8);
  quota.writeBigUInt64LE(blocks, 16);
  const errno = quotactl(fd, Q_XSETQLIM, project, quota);
  if (errno !== 0) throw new SysError('quotactl_fd(Q_XSETQLIM)', errno, directory);
}

/** @returns the errno, or 0. */
function quotactl(fd: number, command: number, id: number, argument: Buffer): number {
  return cQuotactlFd(SYS_QUOTACTL_FD, fd, command >>> 0, id, argument) === -1 ? lastErrno() : 0;
}
