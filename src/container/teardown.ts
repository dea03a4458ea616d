import { rmdirSync } from 'node:fs';
import { messageOf } from '#base/errors';
import type { Container } from './container.ts';
import type { ContainerContext } from './context.ts';

/**
 * Takes down what one run of a container used: ports and addresses, mounts, cgroup and runtime state.
 * Idempotent, so that it serves an exit, a failed start, a removal and a crash alike.
 * Failures are logged and do not stop the rest: the next start-up tries again.
 */
export async function teardown(context: ContainerContext, container: Container): Promise<void> {
  context.networks.release(container.id);
  await releaseMounts(context, container);
  await releaseRuntime(context, { id: container.id, runtime: container.hostConfig.Runtime });
}

/** Runs `work` after the answer; whoever needs the container's name in peace waits for `context.teardowns`. */
export function inBackground(context: ContainerContext, id: string, work: () => Promise<void>): void {
  const before = context.teardowns.get(id) ?? Promise.resolve();
  const done = before
    .then(work)
    .catch((error: unknown) => context.logger.error('clean-up failed', { container: id, error }))
    .finally(() => {
      if (context.teardowns.get(id) === done) context.teardowns.delete(id);
    });
  context.teardowns.set(id, done);
}

/** Mounts come down first: a bundle is only deleted when nothing is mounted in it. */
export async function releaseMounts(context: ContainerContext, { id, mounts }: Container): Promise<void> {
  await attempt(context, id, 'unmount the root file system', () =>
    context.mounts.detach(context.paths.rootfs(id)),
  );
  await attempt(context, id, 'unmount shared memory', () => context.mounts.unmount(context.paths.shm(id)));
  for (const mount of mounts) {
    const name = mount.type === 'volume' ? mount.name : undefined;
    if (name !== undefined) {
      await attempt(context, id, `release volume ${name}`, () => context.volumes.unmount(name, id));
    }
  }
  context.faults.reach('exit.4-unmounted');
}

/** cgroup, runtime state, bundle. */
export async function releaseRuntime(
  context: ContainerContext,
  { id, runtime }: { readonly id: string; readonly runtime: string },
): Promise<void> {
  await attempt(context, id, 'delete the runtime state', () =>
    context.runtime.delete(id, runtime || context.defaults.runtime),
  );
  removeEmpty(context.paths.rootfs(id));
  removeEmpty(context.paths.shm(id));
  removeEmpty(context.paths.bundle(id).bundle);
}

async function attempt(
  { logger }: ContainerContext,
  container: string,
  what: string,
  work: () => unknown,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.warn(`cannot ${what}`, { container, error: messageOf(error) });
  }
}

/** Only ever an empty directory: should something still be mounted there, its content stays. */
function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Not there, or not empty: the sweep at the next start looks again.
  }
}
