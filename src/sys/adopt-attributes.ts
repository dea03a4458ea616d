import { closeSync, fchmodSync, fchownSync } from 'node:fs';
import { AT_FDCWD, openDirectoryAt, openSubdirectory, setTimesFd, statFd } from './at.ts';
import { isErrno } from './sys-error.ts';
import { getXattr } from './xattr.ts';

const OPAQUE_XATTR = 'trusted.overlay.opaque';

/**
 * Gives directories of a layer the owner, mode and times that the layers below have for them: for directories that a
 * layer's archive went through without describing them. Overlayfs shows those of the uppermost layer, and an invented
 * mode would replace that of, say, `/tmp`.
 *
 * @param parents directories of the layers below, uppermost first
 * @param paths relative, one character per byte (latin1), `''` for the root; links on the way are not followed
 */
export function adoptAttributes(layer: string, parents: readonly string[], paths: readonly string[]): void {
  using fds = new DisposableStack();
  const open = (path: string): number => {
    const fd = openDirectoryAt(AT_FDCWD, path);
    fds.defer(() => closeSync(fd));
    return fd;
  };
  const target = open(layer);
  const sources = parents.map(open);
  for (const path of paths) adopt(target, sources, path);
}

function adopt(target: number, sources: readonly number[], path: string): void {
  withDirectory(target, path, to => {
    for (const source of sources) {
      const found = withDirectory(source, path, from => {
        const { uid, gid, mode, mtimeSeconds, mtimeNanos } = statFd(from);
        fchownSync(to, uid, gid);
        fchmodSync(to, mode & 0o7777);
        setTimesFd(to, mtimeSeconds, mtimeNanos);
      });
      // What the layer has instead, or an opaque directory above, hides the layers below it.
      if (found !== 'missing' || isHidden(source, path)) return;
    }
  });
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
    if (isErrno(error, 'ENOTDIR', 'ELOOP', 'EXDEV')) return 'other';
    throw error;
  }
  try {
    work(fd);
    return 'done';
  } finally {
    closeSync(fd);
  }
}
