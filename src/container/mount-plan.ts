import { EngineError } from '#base/errors';
import type { ContainerConfig } from '#spec/docker/container-config';
import type { HostConfig } from '#spec/docker/host-config';
import type { MountPoint } from './container.ts';
import { type MountSpec, parseBind, parseDestination, parseMount, parseVolumesFrom } from './mount-spec.ts';

export interface MountRequest {
  readonly hostConfig: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumesFrom' | 'VolumeDriver'>;
  /** of the merged configuration: the image's and the client's */
  readonly volumes: ContainerConfig['Volumes'];
  /** mounts of a container that `VolumesFrom` names. @throws `notFound` */
  mountsOf(container: string): readonly MountPoint[];
}

/**
 * What to mount where, parents before children. At one destination an option (`-v`, `--mount`, `--tmpfs`) beats
 * `--volumes-from`, and that beats a volume of the image; two options conflict. What `--tmpfs` mounts is not part
 * of the plan, as inspect does not list it.
 *
 * @throws {EngineError} `invalid` with Docker's wording, and what `mountsOf` throws.
 */
export function planMounts(request: MountRequest): MountSpec[] {
  const { hostConfig, volumes } = request;
  const plan = new Map<string, MountSpec>();
  const tmpfs = tmpfsDestinations(hostConfig);
  for (const mount of inheritedMounts(request)) {
    if (!tmpfs.has(mount.destination)) plan.set(mount.destination, mount);
  }
  for (const mount of optionMounts(hostConfig)) {
    const isTaken = plan.get(mount.destination)?.origin === 'option' || tmpfs.has(mount.destination);
    if (isTaken) throw new EngineError('invalid', `Duplicate mount point: ${mount.destination}`);
    plan.set(mount.destination, mount);
  }
  for (const path of volumes) {
    const mount = imageVolume(path, hostConfig.VolumeDriver);
    if (!plan.has(mount.destination) && !tmpfs.has(mount.destination)) plan.set(mount.destination, mount);
  }
  return [...plan.values()].toSorted(shallowFirst);
}

/** Where `--tmpfs` mounts something. @throws {EngineError} `invalid`. */
export function tmpfsDestinations({ Tmpfs }: Pick<HostConfig, 'Tmpfs'>): ReadonlySet<string> {
  return new Set(Object.keys(Tmpfs).map(path => destinationOf('tmpfs', path)));
}

/** Order in which mounts can be made: nothing is mounted below what comes later. */
export function shallowFirst(
  a: { readonly destination: string },
  b: { readonly destination: string },
): number {
  const depth = depthOf(a.destination) - depthOf(b.destination);
  return depth === 0 ? compare(a.destination, b.destination) : depth;
}

function optionMounts({ Binds, Mounts, VolumeDriver }: MountRequest['hostConfig']): MountSpec[] {
  return [...Binds.map(raw => parseBind(raw, VolumeDriver)), ...Mounts.map(parseMount)];
}

function inheritedMounts(request: MountRequest): MountSpec[] {
  return request.hostConfig.VolumesFrom.flatMap(raw => {
    const { container, isWritable } = parseVolumesFrom(raw);
    return request.mountsOf(container).map(mount => inherited(mount, isWritable));
  });
}

/** The same volume or directory again, never filled from this container's image. */
function inherited(mount: MountPoint, isWritable: boolean): MountSpec {
  const shared = {
    origin: 'volumes-from',
    destination: mount.destination,
    isWritable: mount.isWritable && isWritable,
    mode: '',
  } as const;
  switch (mount.type) {
    case 'bind':
      return {
        ...shared,
        type: 'bind',
        bind: {
          source: mount.source,
          propagation: mount.propagation,
          createsSource: false, // the other container has it, or it is gone for both
          isNonRecursive: mount.isNonRecursive ?? false,
          recursiveReadOnly: mount.recursiveReadOnly ?? 'enabled',
        },
      };
    case 'volume':
      return {
        ...shared,
        type: 'volume',
        volume: {
          ...(mount.name !== undefined && { name: mount.name }),
          ...(mount.driver !== undefined && { driver: mount.driver }),
          labels: {},
          options: {},
          isNoCopy: true,
          ...(mount.subpath !== undefined && { subpath: mount.subpath }),
        },
      };
    case 'tmpfs':
      return { ...shared, type: 'tmpfs', tmpfsOptions: mount.tmpfsOptions ?? '' };
  }
}

function imageVolume(path: string, driver: string): MountSpec {
  return {
    origin: 'image',
    type: 'volume',
    destination: destinationOf('volume', path),
    isWritable: true,
    mode: '',
    volume: { ...(driver !== '' && { driver }), labels: {}, options: {}, isNoCopy: false },
  };
}

function destinationOf(type: 'volume' | 'tmpfs', path: string): string {
  try {
    return parseDestination(path);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new EngineError('invalid', `invalid mount config for type "${type}": ${error.message}`);
  }
}

function depthOf(path: string): number {
  return path.split('/').length;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
