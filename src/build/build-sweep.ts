import { lstatSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import type { ProcessRuntime } from '#runtime/process-runtime';
import type { BuildDeps } from './build-deps.ts';
import { namesIn } from './build-folders.ts';
import type { CacheMounts } from './cache-mounts.ts';

/** Ends and removes what builds have left that were cut: processes with their control groups, mounts, bundles. */
export async function sweepBuilds(
  { folders, mounts, logger }: BuildDeps,
  runtime: ProcessRuntime,
): Promise<void> {
  for (const id of namesIn(folders.bundles)) {
    try {
      await runtime.delete(id, '');
      const bundle = folders.bundle(id);
      // What was mounted last is in the way of the others.
      for (const name of namesIn(bundle).toSorted().toReversed()) {
        await mounts.detach(join(bundle, name));
        removePlace(join(bundle, name));
      }
      rmdirSync(bundle);
    } catch (error) {
      logger.warn('cannot remove what a build has left', { bundle: id, error: messageOf(error) });
    }
  }
}

/** Folders of builds that are over, and what no row of a cache knows. Nobody has to wait for the disk. */
export async function sweepFolders(
  work: readonly string[],
  { folders, jail }: BuildDeps,
  cacheMounts: CacheMounts,
): Promise<void> {
  for (const name of work) await jail.removeTree(join(folders.work, name));
  await cacheMounts.sweep();
  await cacheMounts.measure();
}

/** A file, or an empty directory: what is mounted there stays, and the directory with it. */
function removePlace(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) rmdirSync(path);
  else if (found) rmSync(path);
}
