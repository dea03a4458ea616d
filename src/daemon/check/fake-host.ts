import type { Host, ProgramResult } from './host.ts';

export interface FakeHostOptions {
  readonly isRoot?: boolean;
  readonly files?: Readonly<Record<string, string>>;
  readonly freeBytes?: number;
  /** by program name; absent ones are not installed */
  readonly programs?: Readonly<Record<string, ProgramResult>>;
}

/** A machine made of a few files and programs. */
export function fakeHost({ isRoot = true, files = {}, freeBytes, programs = {} }: FakeHostOptions): Host {
  return {
    isRoot,
    read: path => files[path],
    exists: path => path in files,
    list: path => {
      const below = Object.keys(files).filter(file => file.startsWith(`${path}/`));
      return [...new Set(below.map(file => file.slice(path.length + 1).split('/')[0] ?? ''))];
    },
    freeBytes: () => freeBytes,
    run: async program => programs[program] ?? { status: 127, output: '' },
  };
}

/** A current Debian with everything in place. */
export const GOOD_HOST: Required<Pick<FakeHostOptions, 'files' | 'freeBytes' | 'programs'>> = {
  files: {
    '/proc/sys/kernel/osrelease': '6.12.57+deb13-amd64\n',
    ...Object.fromEntries(
      ['mnt', 'pid', 'net', 'uts', 'ipc', 'cgroup', 'user'].map(name => [`/proc/self/ns/${name}`, '']),
    ),
    '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n',
    '/proc/sys/kernel/seccomp/actions_avail':
      'kill_process kill_thread trap errno user_notif trace log allow\n',
    '/proc/filesystems': 'nodev\toverlay\n\text4\n\terofs\n',
    '/proc/sys/net/ipv6/conf/all/disable_ipv6': '0\n',
    '/proc/sys/net/ipv4/ip_forward': '1\n',
    '/usr/lib/x86_64-linux-gnu/libnftables.so.1': '',
    '/usr/lib/x86_64-linux-gnu/libseccomp.so.2': '',
    '/etc/group': 'root:x:0:\nquai:x:998:ada\n',
  },
  freeBytes: 50 * 1024 ** 3,
  programs: {
    unshare: { status: 0, output: '' },
    crun: { status: 0, output: 'crun version 1.29.1\ncommit: x\n' },
    runc: { status: 0, output: 'runc version 1.5.1\nspec: 1.3.0\n' },
    conmon: { status: 0, output: 'conmon version 2.2.1\n' },
    tini: { status: 0, output: 'tini version 0.19.0\n' },
    nft: { status: 0, output: 'nftables v1.1.3 (Commodore Bullmoose #4)\n' },
    ip: { status: 0, output: 'ip utility, iproute2-6.15.0, libbpf 1.5.0\n' },
  },
};
