import { close, closeSync, constants, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Abortable } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import { newId } from '#base/ids';
import { openPlace } from '#store/bind-into';
import { S_IFDIR, S_IFMT } from '#sys/at';
import { cgroupPids } from '#sys/cgroup-control';
import { O_PATH } from '#sys/descriptors';
import { cloneMountTree } from '#sys/mount-tree';
import { ensureDirectoryInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import type { Container, MountPoint } from './container.ts';
import { hasProcess } from './container-machine.ts';
import { cgroupPath } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { shallowFirst } from './mount-plan.ts';
import { isFilledFirst } from './mount-sources.ts';
import { answerOf } from './slow-files.ts';

/** A container's root directory with all that is mounted in it, as the container sees it. */
export interface RootView extends AsyncDisposable {
  readonly fd: number;
  /** Made only to be read: it does not show what could be written. */
  readonly isForReading: boolean;
  /** That of a process: what is mounted in it goes away when the process ends. */
  readonly isOfProcess: boolean;
  /** Of a thread, which may hang: it is closed when it has been disposed, and all such work has ended. @returns the work */
  use<T>(work: Promise<T>): Promise<T>;
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
  for (const [mount, { path }] of sources.found)
    await bindAt(context, container, { user, mount, source: path, isWritable }, options);
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

interface Source {
  readonly path: string;
  readonly isDirectory: boolean;
}

type Sources = ReadonlyMap<MountPoint, Source>;

/** What there is to bind, on this host; volumes are mounted for us where that is how they come, until it is disposed. */
async function findSources(
  context: ContainerContext,
  container: Container,
  user: string,
  options: Abortable,
): Promise<AsyncDisposable & { readonly found: Sources }> {
  await using held = new AsyncDisposableStack();
  const found = new Map<MountPoint, Source>();
  for (const mount of container.mounts.toSorted(shallowFirst)) {
    if (mount.type === 'tmpfs') continue;
    const { name } = mount;
    if (mount.type === 'volume' && name !== undefined)
      held.defer(async () => await context.volumes.unmount(name, user));
    const source = await sourceOf(context, container, { mount, user }, options);
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
    if (source.isDirectory) ensurePlace(target, destination);
    if (isFilledFirst(state, mount)) await volumes.copyUp(name, target, destination, options);
  }
}

/** The host path to bind; `undefined` for a bind of what is not there. */
async function sourceOf(
  context: ContainerContext,
  container: Container,
  { mount, user }: { readonly mount: MountPoint; readonly user: string },
  options: Abortable,
): Promise<Source | undefined> {
  const { type, name = '', source, subpath } = mount;
  const path =
    type === 'volume'
      ? await context.volumes.mount(name, user, { ...options, ...(subpath !== undefined && { subpath }) })
      : source;
  const input = { root: '/', path, follows: true };
  const look = () => context.streams.lookAt(input);
  const found = await answerOf(context, container, mount.destination, look, options);
  return 'errno' in found ? undefined : { path, isDirectory: (found.mode & S_IFMT) === S_IFDIR };
}

/** Links on the way are the container's; what they cannot be resolved to is not mounted. */
function ensurePlace(root: string, destination: string): void {
  try {
    ensureDirectoryInRoot(root, destination);
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
  }
}

/** What would be mounted below what is bound would stay writable. */
async function bindAt(
  context: ContainerContext,
  container: Container,
  bind: {
    readonly user: string;
    readonly mount: MountPoint;
    readonly source: string;
    readonly isWritable: boolean;
  },
  options: Abortable,
): Promise<void> {
  const { user, mount, source, isWritable } = bind;
  const { destination, isWritable: mayWrite, isNonRecursive } = mount;
  const isAlone = isNonRecursive || (isWritable && !mayWrite);
  const input = {
    root: context.paths.rootfs(user),
    destination,
    source,
    options: [isAlone ? 'bind' : 'rbind', ...(mayWrite ? [] : ['ro']), 'rprivate'],
    scratch: context.paths.shm(user),
  };
  const work = () => context.streams.run('bindInto', input);
  await answerOf(context, container, destination, work, options);
}

/** The last one to let go of an overlay waits for what is dirty in it: that is another thread. */
function viewOf(
  fd: number,
  kind: Pick<RootView, 'isForReading' | 'isOfProcess'>,
  onClosed: () => Promise<void> = async () => undefined,
): RootView {
  let isOpen = true;
  const users = new Set<Promise<unknown>>();
  return {
    fd,
    ...kind,
    use: work => {
      const end = (): void => void users.delete(work);
      users.add(work);
      work.then(end, end);
      return work;
    },
    [Symbol.asyncDispose]: async () => {
      if (!isOpen) return;
      isOpen = false;
      const close = async (): Promise<void> => {
        await closeElsewhere(fd);
        await onClosed();
      };
      if (users.size === 0) return await close();
      void Promise.allSettled(users).then(close);
    },
  };
}

/** @throws {EngineError} `conflict` for a container on its way out. */
export function checkCopy({ id, state: { status } }: Container): void {
  if (status === 'removing' || status === 'dead')
    throw new EngineError('conflict', `cannot copy files of container ${id}: it is being removed`);
}
