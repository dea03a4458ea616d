import { mkdirSync } from 'node:fs';
import type { Abortable } from '#base/abortable';
import type { ResolvedMount } from '#runtime/oci-spec/mounts';
import type { Container, MountPoint } from './container.ts';
import type { ContainerContext } from './context.ts';
import { prepareMounts } from './mount-sources.ts';

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/**
 * Mounts the container's snapshot, and makes the sources of its volumes and binds ready.
 *
 * @returns what the runtime is to mount in it.
 */
export async function prepareRootfs(
  context: ContainerContext,
  container: Container,
  options: Abortable,
): Promise<ResolvedMount[]> {
  const { id, hostConfig } = container;
  const rootfs = context.paths.rootfs(id);
  mkdirSync(rootfs, { recursive: true });
  context.mounts.unmount(rootfs); // a crash may have left one; it must not be stacked upon
  context.mounts.mount(rootfs, context.snapshots.mounts(id));
  if (hostConfig.IpcMode === 'shareable') mountSharedMemory(context, container);
  if (container.mounts.length === 0) return [];
  const place = { rootfs, bundle: context.paths.bundle(id).bundle };
  return (await prepareMounts(container, place, context, options)).map(toResolved);
}

/** On the host, so that other containers can be given it. */
function mountSharedMemory({ mounts, paths }: ContainerContext, { id, hostConfig }: Container): void {
  const target = paths.shm(id);
  mkdirSync(target, { recursive: true });
  mounts.unmount(target);
  mounts.mount(target, {
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'nodev', 'noexec', 'mode=1777', `size=${hostConfig.ShmSize || DEFAULT_SHM_BYTES}`],
  });
}

function toResolved(mount: MountPoint): ResolvedMount {
  return { ...mount, type: mount.type === 'tmpfs' ? 'tmpfs' : 'bind' };
}
