import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';

/** A Debian package and how to see, on any distribution, that what we need of it is there. */
export interface DebianPackage {
  readonly name: string;
  /** why the engine, or the test suite, needs it */
  readonly why: string;
  readonly isThere: () => boolean;
  readonly isForTests?: boolean;
}

export const DEBIAN_PACKAGES: readonly DebianPackage[] = [
  { name: 'crun', why: 'runs the containers (OCI runtime)', isThere: () => hasProgram('crun') },
  { name: 'runc', why: 'runs the containers where crun cannot', isThere: () => hasProgram('runc') },
  {
    name: 'conmon',
    why: 'keeps containers and their logs alive without the engine',
    isThere: () => hasProgram('conmon'),
  },
  { name: 'nftables', why: 'publishes ports and connects containers', isThere: () => hasProgram('nft') },
  {
    name: 'libnftables1',
    why: 'changes those rules without starting a program',
    isThere: () => hasLibrary('libnftables.so.1'),
  },
  {
    name: 'libseccomp2',
    why: 'compiles the filter of system calls',
    isThere: () => hasLibrary('libseccomp.so.2'),
  },
  { name: 'iproute2', why: 'shows and repairs links and name spaces', isThere: () => hasProgram('ip') },
  {
    name: 'tini',
    why: 'stands in front of the process of `--init` containers',
    isThere: () => hasProgram('tini') || hasProgram('tini-static') || hasProgram('docker-init'),
  },
  {
    name: 'kmod',
    why: 'loads kernel modules (overlay, bridge, veth)',
    isThere: () => hasProgram('modprobe') || !existsSync('/lib/modules'),
  },
  { name: 'busybox-static', why: 'makes the first image without a registry', isThere: hasStaticBusybox },
  {
    name: 'erofs-utils',
    why: 'packs the layers of images when nobody waits',
    isThere: () => hasProgram('mkfs.erofs'),
  },
  {
    name: 'ca-certificates',
    why: 'lets registries prove who they are',
    isThere: () =>
      existsSync('/etc/ssl/certs/ca-certificates.crt') || existsSync('/etc/pki/tls/certs/ca-bundle.crt'),
  },
  {
    name: 'git',
    why: 'fetches build contexts from repositories',
    isThere: () => hasProgram('git'),
  },
  {
    name: 'debootstrap',
    why: 'makes the Debian image of the tests',
    isThere: () => hasProgram('debootstrap'),
    isForTests: true,
  },
  {
    name: 'btrfs-progs',
    why: 'makes the file system of a volume in the tests',
    isThere: () => hasProgram('mkfs.btrfs'),
    isForTests: true,
  },
  {
    name: 'libarchive-tools',
    why: 'makes layers as others do (bsdtar)',
    isThere: () => hasProgram('bsdtar'),
    isForTests: true,
  },
  {
    name: 'buildah',
    why: 'makes layers as others do',
    isThere: () => hasProgram('buildah'),
    isForTests: true,
  },
  {
    name: 'umoci',
    why: 'makes layers as others do',
    isThere: () => hasProgram('umoci'),
    isForTests: true,
  },
  {
    name: 'docker-compose',
    why: 'a foreign client that makes projects of containers in the tests',
    isThere: () => hasProgram('docker-compose'),
    isForTests: true,
  },
  {
    name: 'docker-registry',
    why: 'a registry to pull from and push to in the tests',
    isThere: () => existsSync('/usr/bin/docker-registry'),
    isForTests: true,
  },
  {
    name: 'skopeo',
    why: 'a second opinion on images in registries and archives, in the tests',
    isThere: () => hasProgram('skopeo'),
    isForTests: true,
  },
  {
    name: 'python3',
    why: 'a second opinion on archives, and talks to containers in the tests',
    isThere: () => existsSync('/usr/bin/python3'),
    isForTests: true,
  },
  {
    name: 'python3-docker',
    why: 'a foreign client that drives our socket in the tests',
    isThere: () => existsSync('/usr/lib/python3/dist-packages/docker'),
    isForTests: true,
  },
  {
    name: 'docker-registry',
    why: 'a real registry for the tests',
    isThere: () => hasProgram('docker-registry'),
    isForTests: true,
  },
  {
    name: 'glusterfs-client',
    why: 'a distributed file system for volumes in the tests',
    isThere: () => hasProgram('glusterfsd'),
    isForTests: true,
  },
  {
    name: 'xfsprogs',
    why: 'makes a file system with quotas in the tests',
    isThere: () => hasProgram('mkfs.xfs'),
    isForTests: true,
  },
  {
    name: 'user-mode-linux',
    why: 'a kernel with what that of the machine may lack, in the tests',
    isThere: () => hasProgram('linux.uml') || process.arch !== 'x64',
    isForTests: true,
  },
  {
    name: 'checkpolicy',
    why: 'compiles the policy of a kernel with SELinux in the tests',
    isThere: () => hasProgram('checkpolicy'),
    isForTests: true,
  },
  {
    name: 'openssl',
    why: 'makes the certificates of the tests',
    isThere: () => hasProgram('openssl'),
    isForTests: true,
  },
  {
    name: 'util-linux',
    why: 'name spaces for the tests',
    isThere: () => hasProgram('unshare'),
    isForTests: true,
  },
];

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Where a program is, on the PATH or where administrators' programs stand. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':').filter(Boolean), ...SYSTEM_FOLDERS];
  return folders.map(folder => `${folder}/${name}`).find(path => existsSync(path));
}

export function hasProgram(name: string): boolean {
  return findProgram(name) !== undefined;
}

function hasLibrary(file: string): boolean {
  const folders = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'];
  return folders.some(
    folder =>
      existsSync(`${folder}/${file}`) ||
      multiarch(folder).some(sub => existsSync(`${folder}/${sub}/${file}`)),
  );
}

function multiarch(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('-linux-gnu')) : [];
}

/** A busybox that needs no library runs in an image that holds nothing else. */
export function hasStaticBusybox(): boolean {
  const path = findProgram('busybox');
  return path !== undefined && isStatic(path);
}

/** Whether an ELF file (elf(5)) asks for no interpreter. */
function isStatic(path: string): boolean {
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  const isElf64 = head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2;
  if (!isElf64) return false;
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  const PT_INTERP = 3;
  for (let index = 0; index < count && table + (index + 1) * size <= head.length; index += 1) {
    if (head.readUInt32LE(table + index * size) === PT_INTERP) return false;
  }
  return true;
}
