import { closeSync, fchmodSync, fchownSync } from 'node:fs';
import { AT_FDCWD, openDirectoryAt, openSubdirectory, setTimesFd, statFd } from './at.ts';
import { isErrno } from './sys-error.ts';
import { getXattr } from './xattr.ts';

const OPAQUE_XATTR = 'trusted.overlay.opaque';

export interface DirectoryAttributes {
  readonly uid: number;
  readonly gid: number;
  /** 0 to 0o7777 */
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
}

/**
 * Gives directories of a layer the owner, mode and times that the layers below have for them: for directories that a
 * layer's archive went through without describing them. Overlayfs shows those of the uppermost layer, and an invented
 * mode would replace that of, say, `/tmp`.
 *
 * @param parents directories of the layers below, uppermost first
 * @param paths relative, one character per byte (latin1), `''` for the root; links on the way are not followed
 */
export function adoptAttributes(layer: string, parents: readonly string[], paths: readonly string[]): void {
  const target = openDirectoryAt(AT_FDCWD, layer);
  try {
    for (const [path, found] of lowerAttributes(parents, paths)) {
      withDirectory(target, path, fd => {
        fchownSync(fd, found.uid, found.gid);
        fchmodSync(fd, found.mode);
        setTimesFd(fd, found.mtimeSeconds, found.mtimeNanos);
      });
    }
  } finally {
    closeSync(target);
  }
}

/** What the layers below (uppermost first) show for these directories; those that they do not show are left out. */
export function lowerAttributes(
  parents: readonly string[],
  paths: readonly string[],
): Map<string, DirectoryAttributes> {
  using fds = new DisposableStack();
  const sources = parents.map(parent => {
    const fd = openDirectoryAt(AT_FDCWD, parent);
    fds.defer(() => closeSync(fd));
    return fd;
  });
  const found = new Map<string, DirectoryAttributes>();
  for (const path of paths) {
    const attributes = find(sources, path);
    if (attributes) found.set(path, attributes);
  }
  return found;
}

function find(sources: readonly number[], path: string): DirectoryAttributes | undefined {
  for (const source of sources) {
    let attributes: DirectoryAttributes | undefined;
    const outcome = withDirectory(source, path, from => {
      const { uid, gid, mode, mtimeSeconds, mtimeNanos } = statFd(from);
      attributes = { uid, gid, mode: mode & 0o7777, mtimeSeconds: Number(mtimeSeconds), mtimeNanos };
    });
    // What the layer has instead, or an opaque directory above, hides the layers below it.
    if (outcome !== 'missing' || isHidden(source, path)) return attributes;
  }
  return undefined;
}

function isHidden(layer: number, path: string): boolean {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    let isOpaque = false;
    withDirectory(layer, path.slice(0, end), fd => {
      isOpaque = getXattr(`/proc/self/fd/${fd}/.`, OPAQUE_XATTR) !== undefined;
    });
    if (isOpaque) return true;
  }
  return false;
}

function withDirectory(
  layer: number,
  path: string,
  work: (fd: number) => void,
): 'done' | 'missing' | 'other' {
  let fd: number;
  try {
    fd = openSubdirectory(layer, path === '' ? '.' : Buffer.from(`${path}\0`, 'latin1'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'missing';
    if (isErrno(error, 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENAMETOOLONG')) return 'other';
    throw error;
  }
  try {
    work(fd);
    return 'done';
  } finally {
    closeSync(fd);
  }
}
