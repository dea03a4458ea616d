import { codeOf, EngineError, messageOf } from '#base/errors';
import type { Volume } from './volume.ts';

/** Longest name quoted in a message; longer ones are cut. */
const QUOTED_CHARACTERS = 300;

// Docker's wording throughout: clients match on it.

export function volumeNotFound(name: string): EngineError {
  return new EngineError('notFound', `get ${shown(name)}: no such volume`);
}

export function volumeInUse(name: string, users: readonly string[]): EngineError {
  return new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`);
}

export function volumeNameTaken(name: string, driver: string): EngineError {
  return new EngineError(
    'conflict',
    `create ${name}: volume name must be unique: it exists already with driver "${driver}"`,
  );
}

export function invalidVolumeName(name: string): EngineError {
  return new EngineError(
    'invalid',
    `create ${shown(name)}: "${shown(name)}" includes invalid characters for a local volume name, ` +
      'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. ' +
      'If you intended to pass a host directory, use absolute path',
  );
}

export function invalidSnapshotName(name: string, limit: number): EngineError {
  return new EngineError(
    'invalid',
    `invalid snapshot name "${shown(name)}": use 2 to ${limit} letters, digits, "_", "." and "-", first a letter or digit`,
  );
}

export function volumeNameTooShort(name: string): EngineError {
  return new EngineError(
    'invalid',
    `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
  );
}

export function volumeNameTooLong(name: string, limit: number): EngineError {
  return new EngineError(
    'invalid',
    `create ${shown(name)}: volume name is too long, names should be at most ${limit} characters`,
  );
}

export function unknownVolumeDriver(action: string, driver: string, reason: string): EngineError {
  return new EngineError('notFound', `${action}: error looking up volume plugin ${shown(driver)}: ${reason}`);
}

export function driverUnavailable(action: string, driver: string, cause: unknown): EngineError {
  const kind = cause instanceof EngineError ? cause.kind : 'unavailable';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(kind, `${action}: error looking up volume plugin ${shown(driver)}: ${reason}`, {
    cause,
  });
}

/** Somebody deleted it, or what it was on is not mounted. */
export function volumeLost({ name, mountpoint }: Pick<Volume, 'name' | 'mountpoint'>): EngineError {
  return new EngineError(
    'dataLoss',
    `the directory of volume ${name} is gone: ${mountpoint}: mount the disk it was on, or restore or remove the volume`,
  );
}

export function invalidVolumeOption(name: string, reason: string): EngineError {
  return new EngineError('invalid', `create ${name}: ${reason}`);
}

export function contentTooLarge(name: string, { size = '' }: Readonly<Record<string, string>>): EngineError {
  return new EngineError(
    'unavailable',
    `the new content is more than volume ${name} may have (size=${size})`,
  );
}

/** The first words are Docker's. */
export function noQuota(name: string, fileSystem: string): EngineError {
  return invalidVolumeOption(
    name,
    `quota size requested but no quota support: volumes are on ${fileSystem} here; a directory can be limited on btrfs, and on ext4 and ` +
      'xfs that are mounted with prjquota. A file system of a size of its own is type=ext4, device=…, one in memory type=tmpfs, device=tmpfs, o=size=…',
  );
}

export function volumeMountFailed(
  { name, mountpoint }: Pick<Volume, 'name' | 'mountpoint'>,
  { type, source }: { readonly type: string; readonly source: string },
  cause: unknown,
): EngineError {
  if (cause instanceof EngineError && cause.kind === 'cancelled') return cause;
  const isThreads = cause instanceof EngineError && cause.kind === 'internal';
  const origin = isThreads ? (cause.cause ?? cause) : cause; // as the kernel says it
  const code = codeOf(origin);
  const message = messageOf(origin);
  const reason =
    code !== undefined && message.startsWith('mount ') ? `mount ${type} ${source}: ${code}` : message;
  const step =
    code === 'ENODEV'
      ? `this kernel has no file system "${type}": load its module with modprobe, or install the package that has it (such as linux-modules-extra-$(uname -r))`
      : `check the options of volume "${name}" (type, device, o)`;
  return new EngineError(
    'invalid',
    `error while mounting volume '${mountpoint}': failed to mount local volume: ${reason}: ${step}`,
    { cause },
  );
}

/** Its server is dead, or its driver is. */
export function volumeSilent(
  { name, driver, options: { type, device } }: Volume,
  answerMs: number,
  cause: unknown,
): EngineError {
  const what = type === undefined ? `driver ${driver}` : `${type} ${device ?? ''}`.trim();
  return new EngineError(
    'unavailable',
    `volume ${name} (${what}) has not answered for ${answerMs / 1000} s: is its server running?`,
    { cause },
  );
}

export function subpathNotFound(path: string, reason: string): EngineError {
  return new EngineError('invalid', `cannot access path ${path}: ${reason}`);
}

function shown(name: string): string {
  return name.length <= QUOTED_CHARACTERS ? name : `${name.slice(0, QUOTED_CHARACTERS)}…`;
}

export function contentInUse(name: string, containers: readonly string[]): EngineError {
  return new EngineError(
    'conflict',
    `the content of volume ${name} cannot be replaced while containers run with it - [${containers.join(', ')}]: stop them first`,
  );
}

export function foreignContent(name: string): EngineError {
  return new EngineError(
    'invalid',
    `volume ${name} is not a directory of the engine's own: its content is not replaced as a whole; make a new volume of it`,
  );
}

export function snapshotNotFound(volume: string, name: string): EngineError {
  const isFile = /[/]|\.(?:json|zst)$/.test(name);
  const hint = isFile ? ': a backup is named by the absolute path of its .json or .tar.zst file' : '';
  return new EngineError('notFound', `volume ${volume} has no snapshot "${shown(name)}"${hint}`);
}

export function pathNotFound(path: string, reason: string): EngineError {
  const message = `Could not find the file ${shown(path)} in the volume${reason === '' ? '' : `: ${reason}`}`;
  return new EngineError('notFound', message);
}

export function notRenamable(name: string, driver: string): EngineError {
  return new EngineError(
    'invalid',
    `volume ${name} cannot be renamed: driver "${driver}" has no such operation`,
  );
}
