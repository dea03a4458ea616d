import {
  close,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { Abortable } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import { newId } from '#base/ids';
import { cgroupPids } from '#sys/cgroup-control';
import { O_PATH } from '#sys/descriptors';
import { cloneMountTree } from '#sys/mount-tree';
import { moveMount } from '#sys/move-mount';
import { ensureDirectoryInRoot, openInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import type { Container, MountPoint } from './container.ts';
import { hasProcess } from './container-machine.ts';
import { cgroupPath } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { shallowFirst } from './mount-plan.ts';
import { isFilledFirst } from './mount-sources.ts';

/** A container's root directory with all that is mounted in it, as the container sees it. */
export interface RootView extends AsyncDisposable {
  readonly fd: number;
  /** Made only to be read: it does not show what could be written. */
  readonly isForReading: boolean;
  /** That of a process: what is mounted in it goes away when the process ends. */
  readonly isOfProcess: boolean;
}

const closeElsewhere = promisify(close);

/** The root of a container that runs: that of its first process. `undefined` when it does not. */
export function runningRoot(context: ContainerContext, container: Container): RootView | undefined {
  const { status, pid } = container.state;
  if (!hasProcess(status) || pid === undefined) return undefined;
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined; // it has just ended
    throw error;
  }
  // It was that process, and no later one of the same number.
  const isOurs = cgroupPids(context.host.cgroups, cgroupPath(container)).includes(pid);
  if (isOurs) return viewOf(fd, { isForReading: false, isOfProcess: true });
  closeSync(fd);
  return undefined;
}

/**
 * The root of a container that does not run, with its volumes and binds (there is nothing in a tmpfs). It is mounted to be copied,
 * and what is given out is in no mount table: a crash leaves nothing of it. The caller holds the container's lock, and while
 * the view can be written to keeps it.
 */
export async function stoppedRoot(
  context: ContainerContext,
  container: Container,
  { isWritable, ...options }: Abortable & { readonly isWritable: boolean },
): Promise<RootView> {
  const { paths, mounts, snapshots } = context;
  const user = `view-${newId<string>()}`;
  const target = paths.rootfs(user);
  await using _place = makePlace(context, user);
  await using held = new AsyncDisposableStack();
  const sources = held.use(await findSources(context, container, user, options));
  const mountRoot = ({ isReadOnly }: { readonly isReadOnly: boolean }): void => {
    const { id } = container;
    const spec = isReadOnly ? snapshots.readOnlyMounts(id) : snapshots.mounts(id);
    mounts.mount(target, { ...spec, options: [...spec.options, 'private'] });
  };
  const isReadOnly = !isWritable || container.hostConfig.ReadonlyRootfs;
  mountRoot({ isReadOnly });
  if (isUnprepared(container, target, sources.found)) {
    if (isReadOnly) {
      mounts.unmount(target);
      mountRoot({ isReadOnly: false });
    }
    await prepare(context, container, { target, found: sources.found }, options);
    if (isReadOnly) {
      await mounts.detach(target);
      mountRoot({ isReadOnly: true });
    }
  }
  for (const [mount, source] of sources.found) bindAt(context, user, mount, { source, isWritable });
  const fd = cloneMountTree(target);
  const owned = held.move();
  // What is bound in it is still in use: its driver gets it back when the view is closed.
  return viewOf(fd, { isForReading: !isWritable, isOfProcess: false }, async () => {
    try {
      await owned.disposeAsync();
    } catch (error) {
      context.logger.warn('cannot give back the volumes of a container whose files were copied', {
        container: container.id,
        error: messageOf(error),
      });
    }
  });
}

/** Below the folder of bundles: the sweep at the next start knows how to clear it. */
function makePlace({ paths, mounts, views }: ContainerContext, user: string): AsyncDisposable {
  views.add(user);
  mkdirSync(paths.rootfs(user), { recursive: true, mode: 0o700 });
  return {
    [Symbol.asyncDispose]: async () => {
      await mounts.detach(paths.rootfs(user));
      rmdirSync(paths.rootfs(user));
      rmdirSync(paths.bundle(user).bundle);
      views.delete(user);
    },
  };
}

type Sources = ReadonlyMap<MountPoint, string>;

/** What there is to bind, on this host; volumes are mounted for us where that is how they come, until it is disposed. */
async function findSources(
  context: ContainerContext,
  container: Container,
  user: string,
  options: Abortable,
): Promise<AsyncDisposable & { readonly found: Sources }> {
  await using held = new AsyncDisposableStack();
  const found = new Map<MountPoint, string>();
  for (const mount of container.mounts.toSorted(shallowFirst)) {
    if (mount.type === 'tmpfs') continue;
    const { name } = mount;
    if (mount.type === 'volume' && name !== undefined)
      held.defer(async () => await context.volumes.unmount(name, user));
    const source = await sourceOf(context, mount, user, options);
    if (source !== undefined) found.set(mount, source);
  }
  const owned = held.move();
  return { found, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}

/** Whether something is missing that the first start would have made: places to mount on, and what the image has for new volumes. */
function isUnprepared({ state }: Container, root: string, sources: Sources): boolean {
  return [...sources.keys()].some(({ type, destination }) => {
    if (type === 'volume' && state.startedAt === undefined) return true;
    const handle = openPlace(root, destination);
    if (handle !== undefined) closeSync(handle);
    return handle === undefined;
  });
}

async function prepare(
  { volumes }: ContainerContext,
  { state }: Container,
  { target, found }: { readonly target: string; readonly found: Sources },
  options: Abortable,
): Promise<void> {
  for (const [mount, source] of found) {
    const { name = '', destination } = mount;
    if (statSync(source).isDirectory()) ensurePlace(target, destination);
    if (isFilledFirst(state, mount)) await volumes.copyUp(name, target, destination, options);
  }
}

/** The host path to bind; `undefined` for a bind of what is not there. */
async function sourceOf(
  { volumes }: ContainerContext,
  { type, name = '', source, subpath }: MountPoint,
  user: string,
  options: Abortable,
): Promise<string | undefined> {
  const path =
    type === 'volume'
      ? await volumes.mount(name, user, { ...options, ...(subpath !== undefined && { subpath }) })
      : source;
  return statSync(path, { throwIfNoEntry: false }) ? path : undefined;
}

/** Links on the way are the container's; what they cannot be resolved to is not mounted. */
function ensurePlace(root: string, destination: string): void {
  try {
    ensureDirectoryInRoot(root, destination);
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
  }
}

/**
 * By a handle of the place: a volume that another container writes to may have links on the way. The bind gets its flags where
 * nobody else can reach, and is then put in its place.
 */
function bindAt(
  { mounts, paths }: ContainerContext,
  user: string,
  { destination, isWritable: mayWrite, isNonRecursive }: MountPoint,
  { source, isWritable }: { readonly source: string; readonly isWritable: boolean },
): void {
  const place = openPlace(paths.rootfs(user), destination);
  if (place === undefined) return;
  // What is mounted below what is bound would stay writable.
  const isAlone = isNonRecursive || (isWritable && !mayWrite);
  const made = paths.shm(user);
  try {
    if (statSync(source).isDirectory()) mkdirSync(made);
    else writeFileSync(made, '');
    const options = [isAlone ? 'bind' : 'rbind', ...(mayWrite ? [] : ['ro']), 'rprivate'];
    mounts.mount(made, { type: 'bind', source, options });
    const tree = cloneMountTree(made);
    try {
      moveMount(tree, place);
    } finally {
      closeSync(tree);
    }
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR')) throw error; // a directory over a file: it could not be started either
  } finally {
    closeSync(place);
    mounts.unmount(made);
    removePlace(made);
  }
}

function removePlace(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) rmdirSync(path);
  else rmSync(path, { force: true });
}

function openPlace(root: string, destination: string): number | undefined {
  try {
    return openInRoot(root, destination, O_PATH);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** The last one to let go of an overlay waits for what is dirty in it: that is another thread. */
function viewOf(
  fd: number,
  kind: Pick<RootView, 'isForReading' | 'isOfProcess'>,
  onClosed: () => Promise<void> = async () => undefined,
): RootView {
  let isOpen = true;
  return {
    fd,
    ...kind,
    [Symbol.asyncDispose]: async () => {
      if (!isOpen) return;
      isOpen = false;
      await closeElsewhere(fd);
      await onClosed();
    },
  };
}

/** @throws {EngineError} `conflict` for a container on its way out. */
export function checkCopy({ id, state: { status } }: Container): void {
  if (status === 'removing' || status === 'dead')
    throw new EngineError('conflict', `cannot copy files of container ${id}: it is being removed`);
}
