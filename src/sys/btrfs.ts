import { withDirectory } from './at.ts';
import { check, declare } from './libc.ts';

const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');

/** linux/btrfs.h */
const SUBVOL_CREATE = 0x5000_940e;
const QUOTA_CTL = 0xc010_9428;
const QGROUP_LIMIT = 0x8030_942b;
const QUOTA_CTL_ENABLE = 1n;
const QGROUP_LIMIT_MAX_RFER = 1n;
/** `struct btrfs_ioctl_vol_args`: a descriptor, then the name */
const VOL_ARGS_BYTES = 4096;
const NAME_OFFSET = 8;
const MAX_NAME_BYTES = 255;

/**
 * Makes a subvolume, which looks like a directory, that takes no more than `limitBytes`; turns the accounting of the file system on if it is
 * off. rmdir(2) removes it when it is empty.
 *
 * @throws {SysError} `ENOTTY` or `EOPNOTSUPP` where the file system is none of btrfs, `EEXIST`.
 */
export function createLimitedSubvolume(parent: string, name: string, limitBytes: number): void {
  const bytes = Buffer.from(name);
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES || /[/\0]/.test(name)) {
    throw new RangeError(`"${name}" is no name of a subvolume`);
  }
  withDirectory(parent, fd => {
    const quota = Buffer.alloc(16);
    quota.writeBigUInt64LE(QUOTA_CTL_ENABLE, 0);
    check('ioctl(BTRFS_IOC_QUOTA_CTL)', cIoctl(fd, QUOTA_CTL, quota), parent);
    const args = Buffer.alloc(VOL_ARGS_BYTES);
    bytes.copy(args, NAME_OFFSET);
    check('ioctl(BTRFS_IOC_SUBVOL_CREATE)', cIoctl(fd, SUBVOL_CREATE, args), `${parent}/${name}`);
  });
  limitSubvolume(`${parent}/${name}`, limitBytes);
}

/** Changes what a subvolume may take, all that is in it now as well. */
function limitSubvolume(path: string, limitBytes: number): void {
  withDirectory(path, fd => {
    const limit = Buffer.alloc(48); // qgroup 0: that of the subvolume itself; then flags and max_rfer
    limit.writeBigUInt64LE(QGROUP_LIMIT_MAX_RFER, 8);
    limit.writeBigUInt64LE(BigInt(limitBytes), 16);
    check('ioctl(BTRFS_IOC_QGROUP_LIMIT)', cIoctl(fd, QGROUP_LIMIT, limit), path);
  });
}
