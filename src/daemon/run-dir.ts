import { rmdirSync, statfsSync } from 'node:fs';
import type { Logger } from '#base/logger';
import type { Mounts } from '#sys/mount';
import { ensureOwnFolder } from './own-folder.ts';

/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994;

/**
 * Makes the folder of run-time files, in memory: its files are many, small, and mean nothing after a reboot. Where the
 * host has it on a disk, a tmpfs of ours is mounted there; a mount from an earlier life is used again.
 */
export function ensureRunDir(path: string, mounts: Pick<Mounts, 'mount'>, logger: Logger): void {
  ensureOwnFolder(path);
  if (statfsSync(path).type === TMPFS_MAGIC) return;
  mounts.mount(path, {
    type: 'tmpfs',
    source: 'quai',
    options: ['nosuid', 'nodev', 'mode=0711', 'size=25%'],
  });
  logger.debug('mounted a tmpfs for run-time files', { path });
}

/** Takes the tmpfs of {@link ensureRunDir} down again, and its folder. Only when no container runs: its files are there. */
export function releaseRunDir(path: string, mounts: Pick<Mounts, 'unmount'>): void {
  mounts.unmount(path);
  try {
    rmdirSync(path);
  } catch {
    // it was not ours alone, or a file system of the host's: it stays
  }
}
