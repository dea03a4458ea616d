import { readDirectory, S_IFLNK, S_IFMT, statIfThere } from '#sys/at';
import { isDirectory, isEmptyFile, OpenDirectories } from './stack-directories.ts';

/**
 * What is made in every container to mount something on, where its image has nothing there. It is none of the container's
 * changes: Docker keeps it in a layer of its own.
 */
export const MOUNT_STUBS: ReadonlySet<string> = new Set([
  '.dockerenv',
  'dev',
  'dev/console',
  'dev/mqueue',
  'dev/pts',
  'dev/shm',
  'etc',
  'etc/hostname',
  'etc/hosts',
  'etc/mtab',
  'etc/resolv.conf',
  'proc',
  'sys',
]);

/**
 * Whether an entry of a container's layer is such a place and has stayed as it was made: an empty file, a directory with
 * nothing else in it, a link.
 *
 * @param own directories of the layer that it is in; @param below the same of the image
 */
export function isMountStub(
  own: number,
  below: OpenDirectories,
  name: Buffer,
  path: string,
  stubs = MOUNT_STUBS,
): boolean {
  if (!stubs.has(path) || below.visible(name)) return false;
  const stat = statIfThere(own, name);
  if (!stat) return false;
  if (!isDirectory(stat)) return isEmptyFile(stat) || (stat.mode & S_IFMT) === S_IFLNK;
  using around = OpenDirectories.of([own]);
  using inside = around.below(name);
  using nothing = new OpenDirectories();
  const [directory] = inside.fds;
  if (directory === undefined) return false;
  for (const { name: child } of readDirectory(directory)) {
    const text = child.toString('latin1', 0, child.length - 1);
    if (!isMountStub(directory, nothing, child, `${path}/${text}`, stubs)) return false;
  }
  return true;
}
