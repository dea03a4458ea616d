import { check, declare } from './libc.ts';

/** struct statfs of x64 and arm64 */
const STATFS_BYTES = 120;
const FLAGS_OFFSET = 80;
const ST_RDONLY = 1;

const cFstatfs = declare('int fstatfs(int fd, void *buffer)');
const buffer = Buffer.alloc(STATFS_BYTES);

/** linux/magic.h: what the kernel makes up, and what is no file that anybody keeps */
const KERNEL_MADE: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x6265_6572, // sysfs
  0x0027_e0eb, // cgroup
  0x6367_7270, // cgroup2
  0x1cd1, // devpts
  0x1980_0202, // mqueue
  0x6462_6720, // debugfs
  0x7472_6163, // tracefs
  0x7363_6673, // securityfs
  0xcafe_4a11, // bpf
  0x6165_676c, // pstore
  0x6265_6570, // configfs
  0x4249_4e4d, // binfmt_misc
  0x6573_5543, // fusectl
  0x6e73_6673, // nsfs
  0xde5e_81e4, // efivarfs
  0x9584_58f6, // hugetlbfs
  0xf97c_ff8c, // selinuxfs
  0x0187, // autofs
]);

/** What fstatfs(2) tells of where an open file or directory is (a handle will do). */
export function fileSystemFacts(fd: number): {
  readonly isReadOnly: boolean;
  readonly isKernelMade: boolean;
} {
  check('fstatfs', cFstatfs(fd, buffer), `${fd}`);
  const type = buffer.readUInt32LE(0);
  return {
    isReadOnly: (Number(buffer.readBigUInt64LE(FLAGS_OFFSET)) & ST_RDONLY) !== 0,
    isKernelMade: KERNEL_MADE.has(type),
  };
}
