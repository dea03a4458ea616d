import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Container, MountPoint } from './container.ts';
import type { ContainerContext } from './context.ts';

/**
 * Renames a volume with its containers locked, so that none starts, stops or is removed by a name that is about to
 * change. Containers before volumes is the order of all locks.
 */
export async function renameVolume(
  context: ContainerContext,
  name: string,
  newName: string,
  options: Abortable,
): Promise<void> {
  const { volumes, index, locks } = context;
  const users = volumes.usersOf(name).toSorted();
  using held = new DisposableStack();
  for (const id of users) held.use(await locks.lock(id, options));
  const isChanged = volumes.usersOf(name).some(id => !users.includes(id));
  if (isChanged)
    throw new EngineError('conflict', `containers that use volume ${name} come and go: try again`);
  const known = users.flatMap(id => index.find(id) ?? []);
  try {
    await volumes.rename(name, newName, {
      ...options,
      follow: ({ mountpoint }) => {
        for (const container of known) {
          index.replaceReferences(container.id, withNewName(container, { name, newName, mountpoint }));
        }
        return undefined;
      },
    });
  } catch (error) {
    index.reload(known); // should the commit have failed, memory follows the rows
    throw error;
  }
}

interface Renaming {
  readonly name: string;
  readonly newName: string;
  /** the volume's directory now */
  readonly mountpoint: string;
}

/** What a container says about its mounts, as if the volume had always had the new name. */
function withNewName(
  { mounts, hostConfig }: Container,
  { name, newName, mountpoint }: Renaming,
): Pick<Container, 'mounts' | 'hostConfig'> {
  const renamed = (mount: MountPoint): MountPoint =>
    mount.type === 'volume' && mount.name === name ? { ...mount, name: newName, source: mountpoint } : mount;
  return {
    mounts: mounts.map(renamed),
    hostConfig: {
      ...hostConfig,
      Binds: hostConfig.Binds.map(bind =>
        bind.startsWith(`${name}:`) ? `${newName}${bind.slice(name.length)}` : bind,
      ),
      Mounts: hostConfig.Mounts.map(mount =>
        mount.Type === 'volume' && mount.Source === name ? { ...mount, Source: newName } : mount,
      ),
    },
  };
}
