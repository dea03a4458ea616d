import { closeSync, constants } from 'node:fs';
import {
  type FileStat,
  openAt,
  openSubdirectory,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  statFd,
  statIfThere,
} from '#sys/at';
import { isErrno } from '#sys/sys-error';
import { getXattr, listXattrs } from '#sys/xattr';

const { O_DIRECTORY, O_RDONLY } = constants;
const OPAQUE_XATTR = 'trusted.overlay.opaque';

/** The directories of one path in the layers that show something of it, uppermost first. */
export class OpenDirectories implements Disposable {
  readonly fds: number[] = [];
  /** whether nothing of further layers shows through */
  hidesBelow = false;

  /** @param layers open directories, which stay the caller's */
  static of(layers: readonly number[]): OpenDirectories {
    const opened = new OpenDirectories();
    try {
      for (const layer of layers) opened.add(openAt(layer, '.', O_RDONLY | O_DIRECTORY));
      return opened;
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  }

  add(fd: number): void {
    this.fds.push(fd);
    if (isOpaque(fd)) this.hidesBelow = true;
  }

  /** Directories of that name, down to the first layer that has something else there or hides what is below. */
  below(name: Buffer): OpenDirectories {
    const found = new OpenDirectories();
    try {
      for (const parent of this.fds) {
        if (found.hidesBelow) break;
        const stat = statIfThere(parent, name);
        if (!stat) continue;
        const fd = isDirectory(stat) ? openIfThere(parent, name) : undefined;
        if (fd === undefined) found.hidesBelow = true;
        else found.add(fd);
      }
      return found;
    } catch (error) {
      found[Symbol.dispose]();
      throw error;
    }
  }

  /** What these layers show under that name. */
  visible(name: Buffer): FileStat | undefined {
    for (const fd of this.fds) {
      const stat = statIfThere(fd, name);
      if (stat) return isWhiteout(stat) ? undefined : stat;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const fd of this.fds.splice(0)) closeSync(fd);
  }
}

/** What overlayfs deletes something of a layer below with. */
export function isWhiteout({ mode, deviceMajor, deviceMinor }: FileStat): boolean {
  return (mode & S_IFMT) === S_IFCHR && deviceMajor === 0 && deviceMinor === 0;
}

export function isDirectory({ mode }: FileStat): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

export function isEmptyFile({ mode, size }: FileStat): boolean {
  return (mode & S_IFMT) === S_IFREG && size === 0;
}

/** What takes place in a directory changes its times and size, but not what it is. */
export function isAlike({ fds: [one] }: OpenDirectories, { fds: [other] }: OpenDirectories): boolean {
  if (one === undefined || other === undefined) return false;
  const [own, before] = [statFd(one), statFd(other)];
  const isSame = own.mode === before.mode && own.uid === before.uid && own.gid === before.gid;
  return isSame && xattrsOf(one) === xattrsOf(other);
}

function xattrsOf(fd: number): string {
  const path = `/proc/self/fd/${fd}/.`;
  const names = listXattrs(path).filter(name => !name.startsWith('trusted.overlay.'));
  return names
    .toSorted()
    .map(name => `${name}=${getXattr(path, name)?.toString('base64') ?? ''}`)
    .join('\n');
}

/** Somebody may put something else in its place at any time. */
function openIfThere(parent: number, name: Buffer): number | undefined {
  try {
    return openSubdirectory(parent, name);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV')) return undefined;
    throw error;
  }
}

function isOpaque(fd: number): boolean {
  return getXattr(`/proc/self/fd/${fd}/.`, OPAQUE_XATTR)?.toString('latin1') === 'y';
}
