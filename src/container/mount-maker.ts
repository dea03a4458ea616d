import type { Abortable } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import type { VolumeService } from '#volume/volume-service';
import type { MountPoint } from './container.ts';
import type { HostPaths } from './host-paths.ts';
import type { MountSpec } from './mount-spec.ts';

export interface MountMakerDeps {
  readonly volumes: Pick<VolumeService, 'create' | 'remove' | 'releaseAll' | 'anonymousOf'>;
  readonly hostPaths: HostPaths;
  /** refuse a missing source of `-v` as `--mount` does, instead of making a directory of it at start */
  readonly refusesMissingSources?: boolean;
}

export interface MadeMounts {
  readonly mounts: readonly MountPoint[];
  /** for the client, as `docker create` prints them */
  readonly warnings: readonly string[];
}

/**
 * Makes what a plan needs when its container is created: volumes, noted as used by the container in the same commit.
 * All or nothing; nothing is mounted yet.
 *
 * @throws {EngineError} `invalid` with Docker's wording for a missing bind source, and what volumes throw.
 */
export async function makeMounts(
  plan: readonly MountSpec[],
  containerId: string,
  deps: MountMakerDeps,
  options: Abortable = {},
): Promise<MadeMounts> {
  const warnings: string[] = [];
  const mounts: MountPoint[] = [];
  try {
    for (const spec of plan) {
      if (spec.bind) warnings.push(...(await sourceWarnings(spec.bind, deps, options)));
      mounts.push(await makeMount(spec, containerId, deps, options));
    }
    return { mounts, warnings };
  } catch (error) {
    await unmakeMounts(containerId, deps);
    throw error;
  }
}

/** Undoes {@link makeMounts}: the container's volumes lose it, anonymous ones of its own go. Idempotent. */
export async function unmakeMounts(containerId: string, { volumes }: MountMakerDeps): Promise<void> {
  const anonymous = volumes.anonymousOf(containerId);
  volumes.releaseAll(containerId);
  for (const name of anonymous) {
    try {
      await volumes.remove(name);
    } catch (error) {
      // Somebody else removed it, or took it, in the meantime: what was wanted.
      if (!isKind(error, 'notFound') && !isKind(error, 'conflict')) throw error;
    }
  }
}

async function makeMount(
  spec: MountSpec,
  containerId: string,
  deps: MountMakerDeps,
  options: Abortable,
): Promise<MountPoint> {
  const { type, destination, isWritable, mode } = spec;
  const shared = { type, destination, isWritable, mode };
  if (spec.bind) {
    const { source, propagation, isNonRecursive, recursiveReadOnly } = spec.bind;
    return {
      ...shared,
      source,
      propagation,
      ...(isNonRecursive && { isNonRecursive }),
      ...(!isWritable && { recursiveReadOnly }),
    };
  }
  if (spec.volume) return { ...shared, ...(await makeVolume(spec, containerId, deps, options)) };
  return { ...shared, source: '', propagation: '', tmpfsOptions: spec.tmpfsOptions ?? '' };
}

async function makeVolume(
  { origin, mode, volume }: MountSpec,
  userId: string,
  { volumes }: MountMakerDeps,
  abortable: Abortable,
): Promise<Omit<MountPoint, 'type' | 'destination' | 'isWritable'>> {
  const { name, driver, labels = {}, options = {}, isNoCopy = false, subpath } = volume ?? {};
  const made = await volumes.create(
    { ...(name !== undefined && { name }), ...(driver !== undefined && { driver }), labels, options, userId },
    abortable,
  );
  return {
    name: made.name,
    source: made.mountpoint,
    driver: made.driver,
    // Docker marks volumes of options as shared for SELinux, and shows it on hosts without, too
    mode: origin === 'option' && mode === '' ? 'z' : mode,
    propagation: '',
    ...(isNoCopy && { isNoCopy }),
    ...(subpath !== undefined && { subpath }),
  };
}

async function sourceWarnings(
  { source, createsSource }: NonNullable<MountSpec['bind']>,
  { hostPaths, refusesMissingSources = false }: MountMakerDeps,
  options: Abortable,
): Promise<string[]> {
  if (await exists(source, hostPaths, options)) return [];
  if (!createsSource || refusesMissingSources) throw missingSource(source);
  return [
    `bind source path does not exist: ${source}: a directory will be made there when the container starts. ` +
      'Was a file meant, or another path? --mount type=bind refuses what is missing',
  ];
}

/** Docker's wording. */
export function missingSource(source: string): EngineError {
  return new EngineError(
    'invalid',
    `invalid mount config for type "bind": bind source path does not exist: ${source}`,
  );
}

async function exists(path: string, hostPaths: HostPaths, options: Abortable): Promise<boolean> {
  try {
    return (await hostPaths.kindOf(path, options)) !== 'missing';
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(
      'invalid',
      `invalid mount config for type "bind": cannot look at ${path}: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
}
