import { closeSync, constants, mkdirSync, openSync } from 'node:fs';

import { newId } from '#base/ids';
import { mountIndex } from '#snapshot/erofs-layers';
import type { Snapshotter } from '#snapshot/snapshotter';
import { O_PATH } from '#sys/descriptors';
import type { Mounts } from '#sys/mount';

import { type BuildFolders, removeEmpty } from './build-folders.ts';

/** Files that something is copied from or over. Names in it are only ever resolved with it as their root. */
export interface RootView extends AsyncDisposable {
  readonly fd: number;
  /** trusted path of it, for mounts */
  readonly path: string;
}

export interface RootViewDeps {
  readonly snapshots: Pick<Snapshotter, 'viewMounts'>;
  readonly mounts: Pick<Mounts, 'mount' | 'detach'>;
  readonly folders: BuildFolders;
}

/** What a stack of layers shows, only to be read. A crash leaves a mount, which the next start finds by its place. */
export function viewLayers(chain: string, { snapshots, ...deps }: RootViewDeps): RootView {
  const spec = snapshots.viewMounts(chain);
  return mounted(path => deps.mounts.mount(path, { ...spec, options: [...spec.options, 'private'] }), deps);
}

/** An archive in a folder, with an index over it: no file is made for a name in it. */
export function viewIndex(directory: string, deps: Omit<RootViewDeps, 'snapshots'>): RootView {
  return mounted(path => mountIndex(deps.mounts, directory, path), deps);
}

function mounted(
  mount: (path: string) => void,
  { mounts, folders }: Omit<RootViewDeps, 'snapshots'>,
): RootView {
  const id = `view-${newId<string>()}`;
  const path = folders.rootfs(id);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const leave = async (): Promise<void> => {
    await mounts.detach(path);
    removeEmpty(path);
    removeEmpty(folders.bundle(id));
  };
  try {
    mount(path);
  } catch (error) {
    removeEmpty(path);
    removeEmpty(folders.bundle(id));
    throw error;
  }
  return open(path, leave);
}

/** A folder of ours. */
export function viewFolder(path: string): RootView {
  return open(path, () => Promise.resolve());
}

function open(path: string, leave: () => Promise<void>): RootView {
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY);
  let isOpen = true;
  return {
    fd,
    path,
    [Symbol.asyncDispose]: async () => {
      if (!isOpen) return;
      isOpen = false;
      closeSync(fd);
      await leave();
    },
  };
}
