import { closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import {
  openDirectoryAt,
  openSubdirectory,
  pathAt,
  readDirectory,
  S_IFDIR,
  S_IFMT,
  statAt,
  statFd,
} from './at.ts';
import { O_PATH } from './descriptors.ts';
import { isErrno, SysError } from './sys-error.ts';
import { setXattr, setXattrHandle } from './xattr.ts';

/** What the policies of Fedora and its relatives call files of containers. */
const DEFAULT_CONTEXT = 'system_u:object_r:container_file_t:s0';
const LABEL = 'security.selinux';
/** No honest tree is deeper; each level costs a descriptor. */
const MAX_DEPTH = 1000;
/** As Docker has them: a host whose own directories carry labels of containers does not start any more. */
const PROTECTED = new Set(
  '/ /bin /boot /dev /etc /etc/passwd /etc/pki /etc/shadow /home /lib /lib64 /media /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib /var/log'.split(
    ' ',
  ),
);

/** How to look at the host; for tests. */
export interface SelinuxProbe {
  readonly exists: (path: string) => boolean;
  /** @throws when the file is not there. */
  readonly read: (path: string) => string;
}

const HOST: SelinuxProbe = { exists: existsSync, read: path => readFileSync(path, 'utf8') };

/** The label of files that all containers share; `undefined` where the kernel has no SELinux, or it is off. */
export function selinuxFileContext(probe: SelinuxProbe = HOST): string | undefined {
  if (!probe.exists('/sys/fs/selinux/enforce')) return undefined;
  try {
    const type =
      /^\s*SELINUXTYPE\s*=\s*([\w.-]+)/m.exec(probe.read('/etc/selinux/config'))?.[1] ?? 'targeted';
    const contexts = probe.read(`/etc/selinux/${type}/contexts/lxc_contexts`);
    return /^\s*file\s*=\s*"([^"\s]{1,200})"/m.exec(contexts)?.[1] ?? DEFAULT_CONTEXT;
  } catch {
    return DEFAULT_CONTEXT; // a policy without a word about containers
  }
}

export type RelabelResult = 'done' | 'unsupported' | 'protected';

/**
 * Gives a file or a tree a label of SELinux. A link at the top is followed, and what it leads to is looked at; below, everything goes
 * by descriptors: no link is followed, no mount entered. Files that are new meanwhile have that of their directory.
 *
 * @returns `protected`, and nothing is changed, for directories that hosts cannot do without; `unsupported` where the file system
 * has no labels.
 * @throws {SysError} also `ECANCELED` when `shouldStop` said so; a part has the label then.
 */
export function relabelTree(
  path: string,
  context: string,
  shouldStop: () => boolean = () => false,
): RelabelResult {
  const handle = openSync(path, O_PATH);
  try {
    const real = readlinkSync(`/proc/self/fd/${handle}`);
    if (isProtected(path) || isProtected(real)) return 'protected';
    const label = Buffer.from(`${context}\0`);
    setXattrHandle(handle, LABEL, label);
    if ((statFd(handle).mode & S_IFMT) !== S_IFDIR) return 'done';
    const top = openDirectoryAt(handle, '.');
    try {
      relabelDirectory({ label, shouldStop, count: 0 }, top, 0);
    } finally {
      closeSync(top);
    }
    return 'done';
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP')) return 'unsupported';
    throw error;
  } finally {
    closeSync(handle);
  }
}

function isProtected(path: string): boolean {
  return PROTECTED.has(path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1'));
}

interface Relabelling {
  readonly label: Buffer;
  readonly shouldStop: () => boolean;
  count: number;
}

function relabelDirectory(work: Relabelling, fd: number, depth: number): void {
  if (depth > MAX_DEPTH) throw new SysError('relabel', 36, 'the tree is too deep'); // ENAMETOOLONG
  for (const { name } of readDirectory(fd)) {
    work.count += 1;
    if (work.count % 64 === 0 && work.shouldStop()) throw new SysError('relabel', 125); // ECANCELED
    whileThere(() => {
      setXattr(pathAt(fd, name), LABEL, work.label);
      if ((statAt(fd, name).mode & S_IFMT) !== S_IFDIR) return;
      const child = openSubdirectory(fd, name);
      try {
        relabelDirectory(work, child, depth + 1);
      } finally {
        closeSync(child);
      }
    });
  }
}

/** What vanished, changed its type or has something mounted on it is left alone. */
function whileThere(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV')) throw error;
  }
}
