import { statfsSync } from 'node:fs';

/** statfs(2), `f_type`; names as Docker shows them. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0xef53, 'extfs'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
  [0x0102_1994, 'tmpfs'],
  [0x794c_7630, 'overlayfs'],
  [0x2fc1_2fc1, 'zfs'],
  [0xf2f5_2010, 'f2fs'],
  [0x6969, 'nfs'],
  [0xca45_1a4e, 'bcachefs'],
]);

/** Kind of the file system that `path` is on. @throws when the path does not exist. */
export function fileSystemName(path: string): string {
  const type = statfsSync(path).type >>> 0;
  return NAMES.get(type) ?? `0x${type.toString(16)}`;
}
