import { readdirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#sys/sys-error';
import type { BundlePaths } from './process-runtime.ts';

/** What conmon and the runtime leave in a bundle; runc writes its pid to `.pidfile` first. */
const FILES = new Set(['config.json', 'pidfile', '.pidfile', 'oom', 'attach', 'ctl', 'winsz']);

/** Mount points in a bundle, which go with it when nothing is mounted there any more. */
const MOUNT_POINTS = new Set(['rootfs', 'shm']);

const EXECS = 'exec';

export function execBundle({ bundle }: BundlePaths, execId: string): string {
  return join(bundle, EXECS, execId);
}

export function execBundles(bundle: string): string[] {
  return namesIn(join(bundle, EXECS)).map(name => join(bundle, EXECS, name));
}

/** Removes what an earlier run has left in a bundle, but for what is or may be mounted. */
export function removeBundleFiles(bundle: string): void {
  for (const name of namesIn(bundle)) {
    if (FILES.has(name)) unlinkSync(join(bundle, name));
    if (name === EXECS) rmSync(join(bundle, EXECS), { recursive: true, force: true });
  }
}

/** Removes known names only: anything may still be mounted below. */
export function removeBundle(bundle: string): void {
  removeBundleFiles(bundle);
  for (const name of namesIn(bundle)) {
    if (MOUNT_POINTS.has(name)) removeIfEmpty(join(bundle, name));
  }
  removeIfEmpty(bundle);
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // Something is mounted on it, or its owner put files there: theirs to remove.
    if (!isErrno(error, 'ENOENT', 'EBUSY', 'ENOTEMPTY')) throw error;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
