import { existsSync, readFileSync } from 'node:fs';
import type { OciMount, OciSpec } from '#spec/oci/runtime-spec';

export interface JailedProgram {
  /** its path on the host and in the jail */
  readonly file: string;
  readonly args: readonly string[];
  /** inside → on the host: an absolute path of a file or a directory, without what is mounted below it */
  readonly readable: ReadonlyMap<string, string>;
  /** inside → on the host: a file or a directory that is there */
  readonly writable: ReadonlyMap<string, string>;
  /** further programs, and directories of them, that it may start; absolute paths on the host and in the jail, those that are there */
  readonly programs?: readonly string[];
  /** The host's network, and processes and files of its own, as many as it likes: for what fetches. Default false: none of these. */
  readonly isOnline?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** default 0o077 */
  readonly umask?: number;
  /** where its standard output goes; default: with its standard error */
  readonly stdout?: number;
  /** Writing more into a file fails (EFBIG), and so does asking for more memory; who computes longer is killed. */
  readonly limits: {
    readonly fileBytes: number;
    readonly memoryBytes: number;
    readonly cpuSeconds: number;
  };
  readonly timeoutMs: number;
}

/** Where programs find their libraries, on any distribution; those that are there. */
const LIBRARIES = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/etc/ld.so.cache'];
const READ_ONLY = ['bind', 'ro', 'nosuid', 'nodev'];
const SCRATCH_BYTES = 64 * 1024 * 1024;
/** To see files of all owners and modes, in its own root: whatever a layer has. */
const CAPABILITIES = ['CAP_DAC_READ_SEARCH'];
const ALL_IDS = 2 ** 32 - 1;
const CLONE_THREAD = 0x10000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
const CLONE_NEW_ALL = 0x7e020000;
const ENOSYS = 38;

/**
 * What a program needs that reads files, computes, and writes one: nothing that makes processes, sockets, mounts, name spaces or
 * devices, or that asks the kernel for more than that.
 */
const SYSCALLS = `
  access faccessat faccessat2 open openat close close_range read readv pread64 preadv write writev pwrite64 pwritev lseek
  stat lstat fstat newfstatat statx statfs fstatfs readlink readlinkat getdents getdents64 getcwd chdir
  getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
  ftruncate fallocate fadvise64 fsync fdatasync copy_file_range sendfile unlink unlinkat umask fcntl dup dup2 dup3 pipe pipe2 poll ppoll
  brk mmap mprotect munmap mremap madvise
  futex set_robust_list set_tid_address rseq sched_yield sched_getaffinity membarrier restart_syscall
  rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill arch_prctl
  getpid gettid getppid getuid geteuid getgid getegid getrlimit prlimit64 sysinfo uname getrandom
  clock_gettime clock_getres clock_nanosleep gettimeofday nanosleep time times getrusage
  execve exit exit_group
`
  .trim()
  .split(/\s+/);

/** What a program needs besides that starts others, makes files, and talks to servers. */
const ONLINE_SYSCALLS = `
  fork vfork wait4 waitid kill getpgrp setpgid getpgid setsid pidfd_open
  mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat fchmodat2 creat truncate
  chown fchown lchown fchownat utime utimes utimensat futimesat flock
  socket socketpair connect bind getsockname getpeername setsockopt getsockopt shutdown
  sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg select pselect6 eventfd eventfd2 ioctl
  epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait timerfd_create timerfd_settime setitimer getitimer alarm mlock munlock
  setrlimit fchdir sync_file_range msync mincore
`
  .trim()
  .split(/\s+/);
/** What an online program finds of the host, to look up names and to trust certificates. */
const ONLINE_FILES = [
  '/etc/resolv.conf',
  '/etc/hosts',
  '/etc/host.conf',
  '/etc/nsswitch.conf',
  '/etc/gai.conf',
  '/etc/services',
  '/etc/ssl',
  '/etc/pki',
  '/etc/ca-certificates',
  '/usr/share/ca-certificates',
];

/** The jail of a program, for an OCI runtime. `hasUsers`: with a name space of users. */
export function jailSpec(program: JailedProgram, hasUsers: boolean): OciSpec {
  const { isOnline = false } = program;
  const ids = [{ containerID: 0, hostID: 0, size: ALL_IDS }]; // the same numbers, without their power
  const network = isOnline ? [] : ['network'];
  const kinds = ['mount', 'pid', 'ipc', 'uts', ...network, ...(hasUsers ? ['user'] : [])];
  return {
    ociVersion: '1.0.2',
    process: processOf(program),
    root: { path: 'rootfs', readonly: true },
    mounts: mountsOf(program),
    annotations: {},
    linux: {
      namespaces: kinds.map(type => ({ type })),
      ...(hasUsers ? { uidMappings: ids, gidMappings: ids } : {}),
      devices: [],
      cgroupsPath: '',
      resources: {},
      sysctl: {},
      seccomp: seccomp(isOnline),
      maskedPaths: [],
      readonlyPaths: [],
      rootfsPropagation: 'private',
    },
  };
}

function processOf({ file, args, limits, env = {}, umask = 0o077 }: JailedProgram): OciSpec['process'] {
  const environment = { PATH: '/usr/bin', LC_ALL: 'C', TMPDIR: '/tmp', ...env };
  return {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [], umask },
    args: [file, ...args],
    env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    cwd: '/',
    capabilities: {
      bounding: CAPABILITIES,
      effective: CAPABILITIES,
      permitted: CAPABILITIES,
      inheritable: [],
      ambient: [],
    },
    rlimits: [
      rlimit('RLIMIT_FSIZE', limits.fileBytes),
      rlimit('RLIMIT_AS', limits.memoryBytes),
      rlimit('RLIMIT_CPU', limits.cpuSeconds),
      rlimit('RLIMIT_CORE', 0),
      rlimit('RLIMIT_NOFILE', 1024),
    ],
    noNewPrivileges: true,
  };
}

function mountsOf({ file, readable, writable, programs = [], isOnline = false }: JailedProgram): OciMount[] {
  const started = [...LIBRARIES, ...programs].filter(path => existsSync(path));
  const known = isOnline ? ONLINE_FILES.filter(path => existsSync(path)) : [];
  const read = [...known.map(path => [path, path] as const), ...readable];
  return [
    scratch('/dev', ['size=65536']), // the runtime makes the harmless ones there, by itself
    scratch('/tmp', ['nodev', `size=${SCRATCH_BYTES}`]),
    ...[...started, file].map(path => bind(path, path, READ_ONLY)),
    ...read.map(([inside, path]) => bind(inside, path, [...READ_ONLY, 'noexec'])),
    ...[...writable].map(([inside, path]) => bind(inside, path, ['bind', 'rw', 'nosuid', 'nodev', 'noexec'])),
  ];
}

/** What is not named is as if the kernel did not know it. `clone3` hides its flags from filters; libraries then take `clone`. */
function seccomp(isOnline: boolean): unknown {
  const isThread = { index: 0, value: CLONE_THREAD, valueTwo: CLONE_THREAD, op: 'SCMP_CMP_MASKED_EQ' };
  const makesNoNamespace = { index: 0, value: CLONE_NEW_ALL, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' };
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    syscalls: [
      { names: isOnline ? [...SYSCALLS, ...ONLINE_SYSCALLS] : SYSCALLS, action: 'SCMP_ACT_ALLOW' },
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [isOnline ? makesNoNamespace : isThread] },
    ],
  };
}

function rlimit(type: string, value: number): { type: string; hard: number; soft: number } {
  return { type, hard: value, soft: value };
}

function bind(destination: string, source: string, options: readonly string[]): OciMount {
  return { destination, type: 'bind', source, options };
}

function scratch(destination: string, options: readonly string[]): OciMount {
  return {
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'noexec', 'mode=1777', ...options],
  };
}

/** There are hosts that turn them off for everybody (user_namespaces(7)); the rest of the jail holds there too. */
export function userNamespacesAllowed(): boolean {
  try {
    return Number(readFileSync('/proc/sys/user/max_user_namespaces', 'utf8')) > 0;
  } catch {
    return false;
  }
}
