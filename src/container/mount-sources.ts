import { closeSync, constants, fstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Abortable } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import { O_PATH } from '#sys/descriptors';
import { openInRoot, resolveInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import type { VolumeService } from '#volume/volume-service';
import type { Container, MountPoint } from './container.ts';
import type { HostPaths, PathKind } from './host-paths.ts';
import { labelSource, type MountLabelDeps } from './mount-label.ts';
import { missingSource } from './mount-maker.ts';
import { shallowFirst } from './mount-plan.ts';
import { parseBind } from './mount-spec.ts';
import { checkProcMount } from './proc-mounts.ts';

export interface MountSourceDeps extends MountLabelDeps {
  readonly volumes: Pick<VolumeService, 'mount' | 'copyUp'>;
  readonly hostPaths: HostPaths;
}

export interface MountPlace {
  /** the mounted root file system */
  readonly rootfs: string;
}

type Mounted = Pick<Container, 'id' | 'mounts' | 'hostConfig' | 'state'>;

/** Nothing can be mounted below a file: what is recursive is the same as what is not, and crun 1.8 fails at it. */
const FILE_TRAITS = { isNonRecursive: true, recursiveReadOnly: 'disabled' } as const;

/**
 * Makes the sources of a container's mounts ready when it starts, in the order they are to be mounted: volumes are
 * mounted and, at the first start, filled from the image when empty; missing sources of `-v` become directories. What
 * is of the wrong kind for its destination is refused here, with a hint: a runtime only says "not a directory".
 *
 * Undone by `VolumeService.unmount` for each volume, also after a failure.
 *
 * @returns the mounts with `source` being the host path to bind.
 * @throws {EngineError} `invalid`, `notFound` for a volume that is gone.
 */
export async function prepareMounts(
  container: Mounted,
  place: MountPlace,
  deps: MountSourceDeps,
  options: Abortable = {},
): Promise<MountPoint[]> {
  const prepared: MountPoint[] = [];
  for (const mount of container.mounts.toSorted(shallowFirst)) {
    checkProcMount(placeOf(place.rootfs, mount.destination), mount);
    const source = await prepareSource(container, { mount, place }, deps, options);
    if (mount.type === 'tmpfs') {
      prepared.push({ ...mount, source });
      continue;
    }
    const kind = await kindOf(source, deps, options);
    checkKind(kind, { ...mount, source }, { place, covered: prepared });
    await labelSource(container, { ...mount, source }, deps, options);
    // crun makes a bind writable that is not said to be read-only, also when what it binds is mounted so on the host.
    const isWritable = mount.isWritable && !(await deps.hostPaths.isReadOnly(source, options));
    prepared.push({ ...mount, ...(kind === 'file' ? FILE_TRAITS : {}), source, isWritable });
  }
  return prepared;
}

interface OneMount {
  readonly mount: MountPoint;
  readonly place: MountPlace;
}

async function prepareSource(
  container: Mounted,
  { mount, place }: OneMount,
  deps: MountSourceDeps,
  options: Abortable,
): Promise<string> {
  switch (mount.type) {
    case 'tmpfs':
      return '';
    case 'bind':
      return bindSource(container, mount, deps, options);
    case 'volume':
      return volumeSource(container, { mount, place }, deps, options);
  }
}

async function bindSource(
  container: Mounted,
  { source, destination }: MountPoint,
  deps: MountSourceDeps,
  options: Abortable,
): Promise<string> {
  if ((await kindOf(source, deps, options)) !== 'missing') return source;
  if (!createsSource(container, destination)) throw missingSource(source);
  try {
    await mkdir(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new EngineError(
      'invalid',
      `error while creating mount source path '${source}': ${messageOf(error)}`, // Docker's wording
      { cause: error },
    );
  }
  deps.logger.warn('a missing bind source was made a directory', { container: container.id, path: source });
  return source;
}

/** Whether the option that asked for the mount is one that makes directories. */
function createsSource({ hostConfig }: Mounted, destination: string): boolean {
  return (
    hostConfig.Binds.some(raw => parseBind(raw, hostConfig.VolumeDriver).destination === destination) ||
    hostConfig.Mounts.some(
      ({ Target, BindOptions }) =>
        BindOptions?.CreateMountpoint === true && Target.replace(/\/+$/, '') === destination,
    )
  );
}

async function volumeSource(
  { id, state }: Mounted,
  { mount, place }: OneMount,
  { volumes }: MountSourceDeps,
  options: Abortable,
): Promise<string> {
  const name = mount.name ?? '';
  const source = await volumes.mount(name, id, {
    ...options,
    ...(mount.subpath !== undefined && { subpath: mount.subpath }),
    attributes: {
      destination: mount.destination,
      'read/write': String(mount.isWritable),
      propagation: mount.propagation,
    },
  });
  if (isFilledFirst(state, mount)) await volumes.copyUp(name, place.rootfs, mount.destination, options);
  return source;
}

/** A volume, with what the image has at its place; only once: what the container emptied later stays empty. */
export function isFilledFirst(
  { startedAt }: Pick<Container['state'], 'startedAt'>,
  { type, isNoCopy, subpath }: Pick<MountPoint, 'type' | 'isNoCopy' | 'subpath'>,
): boolean {
  return type === 'volume' && startedAt === undefined && !isNoCopy && subpath === undefined;
}

interface Surroundings {
  readonly place: MountPlace;
  /** mounts that come before it */
  readonly covered: readonly MountPoint[];
}

function checkKind(outside: PathKind, { source, destination }: MountPoint, around: Surroundings): void {
  const isBelowAnother = around.covered.some(mount => destination.startsWith(`${mount.destination}/`));
  if (isBelowAnother) return; // what is there is that mount's, not the image's
  const inside = kindInRoot(around.place.rootfs, destination);
  if (inside === 'missing' || outside === 'missing' || inside === outside) return;
  throw new EngineError(
    'invalid',
    `cannot mount ${source}, which is a ${outside}, at ${destination}, which is a ${inside} in the image. ` +
      // Docker's words, which people search for
      'Are you trying to mount a directory onto a file (or vice-versa)? ' +
      'Check if the specified host path exists and is the expected type',
  );
}

async function kindOf(
  path: string,
  { hostPaths }: Pick<MountSourceDeps, 'hostPaths'>,
  options: Abortable,
): Promise<PathKind> {
  try {
    return await hostPaths.kindOf(path, options);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(
      'invalid',
      `invalid mount config for type "bind": cannot look at ${path}: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Links of the image resolved; one in circles is for the runtime to refuse. */
function placeOf(rootfs: string, destination: string): string {
  try {
    return resolveInRoot(rootfs, destination);
  } catch (error) {
    if (isErrno(error, 'ELOOP')) return destination;
    throw error;
  }
}

/** As the container sees it: links of the image stay inside. */
function kindInRoot(rootfs: string, path: string): PathKind {
  let fd: number;
  try {
    fd = openInRoot(rootfs, path, O_PATH);
  } catch (error) {
    const isMissing = isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG');
    if (isMissing) return 'missing'; // the runtime makes it, or says why not
    throw error;
  }
  try {
    return (fstatSync(fd).mode & constants.S_IFMT) === constants.S_IFDIR ? 'directory' : 'file';
  } finally {
    closeSync(fd);
  }
}

function reasonOf(error: unknown): string {
  if (isErrno(error, 'ENOENT')) return 'no such file or directory';
  if (isErrno(error, 'ENOTDIR')) return 'not a directory';
  return messageOf(error);
}
