import { closeSync, constants, fstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Abortable } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { Mounts } from '#sys/mount';
import { openInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import type { VolumeService } from '#volume/volume-service';
import type { Container, MountPoint } from './container.ts';
import { missingSource } from './mount-maker.ts';
import { shallowFirst } from './mount-plan.ts';
import { parseBind } from './mount-spec.ts';

export interface MountSourceDeps {
  readonly volumes: Pick<VolumeService, 'mount' | 'copyUp'>;
  readonly mounts: Pick<Mounts, 'mount' | 'unmount'>;
  readonly logger: Logger;
}

export interface MountPlace {
  /** the mounted root file system */
  readonly rootfs: string;
  /** the bundle: sub-paths of volumes are bound below it */
  readonly bundle: string;
}

type Kind = 'directory' | 'file' | 'missing';
type Mounted = Pick<Container, 'id' | 'mounts' | 'hostConfig' | 'state'>;

/** fcntl.h; Node does not have it */
const O_PATH = 0o10000000;
const SUBPATHS = 'subpaths';

/**
 * Makes the sources of a container's mounts ready when it starts, in the order they are to be mounted: volumes
 * are mounted and, at the first start, filled from the image when empty; missing sources of `-v` become directories; sub-paths of volumes are
 * bound to a place nobody else can change. What is of the wrong kind for its destination is refused here, with a
 * hint, since a runtime only says "not a directory".
 *
 * Undone by `VolumeService.unmount` for each volume and {@link releaseSubpaths}, also after a failure.
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
  for (const [index, mount] of container.mounts.toSorted(shallowFirst).entries()) {
    const source = await prepareSource(container, { mount, index, place }, deps, options);
    if (mount.type !== 'tmpfs') await checkKind(source, mount, { place, covered: prepared });
    prepared.push({ ...mount, source });
  }
  return prepared;
}

/** Takes down what {@link prepareMounts} bound below the bundle. Idempotent. */
export function releaseSubpaths(
  { mounts }: Pick<Container, 'mounts'>,
  bundle: string,
  deps: Pick<MountSourceDeps, 'mounts'>,
): void {
  for (const [index, { subpath }] of mounts.toSorted(shallowFirst).entries()) {
    if (subpath === undefined) continue;
    const target = join(bundle, SUBPATHS, String(index));
    deps.mounts.unmount(target);
    removeQuietly(target);
  }
  removeQuietly(join(bundle, SUBPATHS));
}

interface OneMount {
  readonly mount: MountPoint;
  readonly index: number;
  readonly place: MountPlace;
}

async function prepareSource(
  container: Mounted,
  { mount, index, place }: OneMount,
  deps: MountSourceDeps,
  options: Abortable,
): Promise<string> {
  switch (mount.type) {
    case 'tmpfs':
      return '';
    case 'bind':
      return bindSource(container, mount, deps);
    case 'volume':
      return volumeSource(container, { mount, index, place }, deps, options);
  }
}

async function bindSource(
  container: Mounted,
  { source, destination }: MountPoint,
  { logger }: MountSourceDeps,
): Promise<string> {
  if ((await kindOf(source)) !== 'missing') return source;
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
  logger.warn('a missing bind source was made a directory', { container: container.id, path: source });
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
  { mount, index, place }: OneMount,
  { volumes, mounts }: MountSourceDeps,
  options: Abortable,
): Promise<string> {
  const name = mount.name ?? '';
  const directory = await volumes.mount(name, id, {
    ...options,
    attributes: {
      destination: mount.destination,
      'read/write': String(mount.isWritable),
      propagation: mount.propagation,
    },
  });
  if (mount.subpath === undefined) {
    // Only once: what the container emptied later stays empty.
    const isFirstStart = state.startedAt === undefined;
    if (isFirstStart && !mount.isNoCopy) await volumes.copyUp(name, place.rootfs, mount.destination, options);
    return directory;
  }
  const target = join(place.bundle, SUBPATHS, String(index));
  bindSubpath({ directory, subpath: mount.subpath, target }, mounts);
  return target;
}

/** By descriptor: whatever the volume's users do to the path meanwhile, it is what was looked at, and in the volume. */
function bindSubpath(
  {
    directory,
    subpath,
    target,
  }: { readonly directory: string; readonly subpath: string; readonly target: string },
  mounts: MountSourceDeps['mounts'],
): void {
  const fd = openSubpath(directory, subpath);
  try {
    mounts.unmount(target);
    mkdirSync(join(target, '..'), { recursive: true, mode: 0o700 });
    if (fstatSync(fd).isDirectory()) mkdirSync(target, { recursive: true });
    else writeFileSync(target, '');
    mounts.mount(target, { type: 'none', source: `/proc/self/fd/${fd}`, options: ['bind'] });
  } finally {
    closeSync(fd);
  }
}

function openSubpath(directory: string, subpath: string): number {
  try {
    return openInRoot(directory, subpath, O_PATH);
  } catch (error) {
    throw new EngineError('invalid', `cannot access path ${join(directory, subpath)}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

interface Surroundings {
  readonly place: MountPlace;
  /** mounts that come before it */
  readonly covered: readonly MountPoint[];
}

async function checkKind(source: string, { destination }: MountPoint, around: Surroundings): Promise<void> {
  const isBelowAnother = around.covered.some(mount => destination.startsWith(`${mount.destination}/`));
  if (isBelowAnother) return; // what is there is that mount's, not the image's
  const inside = kindInRoot(around.place.rootfs, destination);
  if (inside === 'missing') return;
  const outside = await kindOf(source);
  if (outside === 'missing' || inside === outside) return;
  throw new EngineError(
    'invalid',
    `cannot mount ${source}, which is a ${outside}, at ${destination}, which is a ${inside} in the image. ` +
      // Docker's words, which people search for
      'Are you trying to mount a directory onto a file (or vice-versa)? ' +
      'Check if the specified host path exists and is the expected type',
  );
}

async function kindOf(path: string): Promise<Kind> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'missing';
    throw new EngineError(
      'invalid',
      `invalid mount config for type "bind": cannot look at ${path}: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** As the container sees it: links of the image stay inside. */
function kindInRoot(rootfs: string, path: string): Kind {
  let fd: number;
  try {
    fd = openInRoot(rootfs, path, O_PATH);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return 'missing'; // the runtime makes it, or says why not
    throw error;
  }
  try {
    return (fstatSync(fd).mode & constants.S_IFMT) === constants.S_IFDIR ? 'directory' : 'file';
  } finally {
    closeSync(fd);
  }
}

function removeQuietly(path: string): void {
  for (const remove of [rmdirSync, unlinkSync]) {
    try {
      remove(path);
      return;
    } catch {
      // The other kind, not there, or still in use: the sweep of bundles looks again.
    }
  }
}

function reasonOf(error: unknown): string {
  if (isErrno(error, 'ENOENT')) return 'no such file or directory';
  if (isErrno(error, 'ENOTDIR')) return 'not a directory';
  return messageOf(error);
}
