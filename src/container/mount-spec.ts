import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import type { Mount } from '#spec/docker/host-config';

/** Where a mount was asked for, weakest first: a later one takes the place of an earlier at the same destination. */
export type MountOrigin = 'volumes-from' | 'image' | 'option';

/** One mount as asked for, before anything exists for it. */
export interface MountSpec {
  readonly origin: MountOrigin;
  readonly type: 'bind' | 'volume' | 'tmpfs';
  readonly destination: string;
  readonly isWritable: boolean;
  /** as inspect shows it: what followed the second colon of `-v` */
  readonly mode: string;
  readonly bind?: {
    readonly source: string;
    readonly propagation: string;
    /** make a missing source a directory, as `-v` always did; otherwise it is an error */
    readonly createsSource: boolean;
    readonly isNonRecursive: boolean;
    /** when read-only: of what is mounted below the source, too */
    readonly recursiveReadOnly: 'enabled' | 'force' | 'disabled';
  };
  readonly volume?: {
    /** absent: an anonymous one is made */
    readonly name?: string;
    readonly driver?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly options: Readonly<Record<string, string>>;
    readonly isNoCopy: boolean;
    readonly subpath?: string;
  };
  readonly tmpfsOptions?: string;
}

const PROPAGATIONS = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']);
const DEFAULT_PROPAGATION = 'rprivate';
/** PATH_MAX of linux/limits.h, with the zero at the end */
const LONGEST_PATH = 4096;
/** Words of a mode; at most one of each group. */
const MODE_GROUPS: readonly ReadonlySet<string>[] = [
  new Set(['ro', 'rw']),
  new Set(['z', 'Z']),
  PROPAGATIONS,
  new Set(['nocopy']),
  new Set(['consistent', 'cached', 'delegated']),
];

/**
 * `-v`: `/host:/container[:mode]`, `name:/container[:mode]`, `/container`.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function parseBind(raw: string, volumeDriver: string): MountSpec {
  const parts = raw.split(':');
  const [first = '', second, mode = ''] = parts;
  const isDestinationAndMode = parts.length === 2 && second !== undefined && isMode(second);
  if (first === '' || parts.length > 3 || isDestinationAndMode) throw invalidSpec(raw);
  if (!isMode(mode)) throw new EngineError('invalid', `invalid mode: ${mode}`);
  const [source, target] = second === undefined ? ['', first] : [first, second];
  const isBind = source.startsWith('/');
  const words = mode.split(',');
  const shared = { origin: 'option', isWritable: !words.includes('ro'), mode } as const;
  try {
    const destination = parseDestination(target);
    if (isBind) return { ...shared, type: 'bind', destination, bind: bindOf(source, words) };
    refusePropagation(words);
    return { ...shared, type: 'volume', destination, volume: volumeOf(source, words, volumeDriver) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const type = isBind ? 'bind' : 'volume';
    throw invalidSpec(raw, `invalid mount config for type "${type}": ${error.message}`);
  }
}

/** `container[:ro|rw]`. @throws {EngineError} `invalid` with Docker's wording. */
export function parseVolumesFrom(raw: string): { readonly container: string; readonly isWritable: boolean } {
  const separator = raw.indexOf(':');
  const container = separator < 0 ? raw : raw.slice(0, separator);
  const mode = separator < 0 ? '' : raw.slice(separator + 1);
  if (container === '') {
    throw new EngineError('invalid', `invalid volumes-from specification: "${raw}": it names no container`);
  }
  const words = mode.split(',');
  const isRefused = words.some(word => PROPAGATIONS.has(word) || word === 'nocopy');
  if (!isMode(mode) || isRefused) throw new EngineError('invalid', `invalid mode: ${mode}`);
  return { container, isWritable: !words.includes('ro') };
}

/**
 * `--mount`, with the checks Docker makes for each type.
 *
 * @throws {EngineError} `invalid` with Docker's wording; `notImplemented` for images.
 */
export function parseMount(mount: Mount): MountSpec {
  try {
    if (mount.Target === '') throw new TypeError('field Target must not be empty');
    const shared = {
      origin: 'option',
      destination: parseDestination(mount.Target),
      isWritable: !mount.ReadOnly,
      mode: '',
    } as const;
    switch (mount.Type) {
      case 'bind':
        return { ...shared, type: 'bind', bind: mountedBind(mount) };
      case 'volume':
        return { ...shared, type: 'volume', volume: mountedVolume(mount) };
      case 'tmpfs':
        return { ...shared, type: 'tmpfs', tmpfsOptions: tmpfsOptionsOf(mount) };
      case 'image':
        throw new EngineError('notImplemented', 'mounts of type "image" are not implemented');
      case 'npipe':
        throw new TypeError('named pipes of Windows cannot be mounted on Linux');
      case 'cluster':
        throw new TypeError('cluster volumes need a cluster');
      default:
        throw new TypeError('mount type unknown');
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new EngineError('invalid', `invalid mount config for type "${mount.Type}": ${error.message}`);
  }
}

/**
 * A path in the container, cleaned.
 *
 * @throws {TypeError} with the reason, for the caller to put into context.
 */
export function parseDestination(path: string): string {
  if (path.includes('\0')) throw new TypeError('mount path must not have NUL characters');
  if (Buffer.byteLength(path) >= LONGEST_PATH) throw new TypeError('mount path is too long');
  const clean = posix.normalize(path).replace(/(.)\/+$/, '$1');
  if (clean === '/') throw new TypeError("invalid specification: destination can't be '/'");
  if (!path.startsWith('/')) throw new TypeError(`invalid mount path: '${path}' mount path must be absolute`);
  return clean;
}

function bindOf(source: string, words: readonly string[]): NonNullable<MountSpec['bind']> {
  return {
    source: posix.normalize(source).replace(/(.)\/+$/, '$1'),
    propagation: words.find(word => PROPAGATIONS.has(word)) ?? DEFAULT_PROPAGATION,
    createsSource: true,
    isNonRecursive: false,
    recursiveReadOnly: 'enabled',
  };
}

function volumeOf(
  source: string,
  words: readonly string[],
  driver: string,
): NonNullable<MountSpec['volume']> {
  return {
    ...(source !== '' && { name: source }),
    ...(driver !== '' && { driver }),
    labels: {},
    options: {},
    isNoCopy: words.includes('nocopy'),
  };
}

function refusePropagation(words: readonly string[]): void {
  if (words.some(word => PROPAGATIONS.has(word)))
    throw new TypeError('field BindOptions must not be specified');
}

function mountedBind({
  Source,
  BindOptions,
  VolumeOptions,
  TmpfsOptions,
  ReadOnly,
}: Mount): NonNullable<MountSpec['bind']> {
  if (Source === '') throw new TypeError('field Source must not be empty');
  const propagation = BindOptions?.Propagation || DEFAULT_PROPAGATION;
  if (!PROPAGATIONS.has(propagation)) throw new TypeError(`invalid propagation mode: ${propagation}`);
  if (VolumeOptions) throw new TypeError('field VolumeOptions must not be specified');
  if (TmpfsOptions) throw new TypeError('field TmpfsOptions must not be specified');
  if (!Source.startsWith('/'))
    throw new TypeError(`invalid mount path: '${Source}' mount path must be absolute`);
  if (Source.includes('\0')) throw new TypeError('field Source must not have NUL characters');
  return {
    source: posix.normalize(Source).replace(/(.)\/+$/, '$1'),
    propagation,
    createsSource: BindOptions?.CreateMountpoint ?? false,
    isNonRecursive: BindOptions?.NonRecursive ?? false,
    recursiveReadOnly: recursiveReadOnlyOf(BindOptions, { isReadOnly: ReadOnly, propagation }),
  };
}

function recursiveReadOnlyOf(
  options: Mount['BindOptions'],
  { isReadOnly, propagation }: { readonly isReadOnly: boolean; readonly propagation: string },
): 'enabled' | 'force' | 'disabled' {
  const { ReadOnlyForceRecursive: isForced = false, ReadOnlyNonRecursive: isOff = false } = options ?? {};
  if (!isForced) return isOff || options?.NonRecursive ? 'disabled' : 'enabled';
  if (!isReadOnly) throw new TypeError('mount must be set ReadOnly to set ReadOnlyForceRecursive');
  if (isOff) throw new TypeError('ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other');
  if (options?.NonRecursive)
    throw new TypeError('NonRecursive and ReadOnlyForceRecursive exclude each other');
  if (propagation !== 'private' && propagation !== 'rprivate') {
    throw new TypeError(`ReadOnlyForceRecursive needs propagation "rprivate", not "${propagation}"`);
  }
  return 'force';
}

function mountedVolume(mount: Mount): NonNullable<MountSpec['volume']> {
  const { Source, VolumeOptions, ReadOnly } = mount;
  if (mount.BindOptions) throw new TypeError('field BindOptions must not be specified');
  if (mount.TmpfsOptions) throw new TypeError('field TmpfsOptions must not be specified');
  const subpath = VolumeOptions?.Subpath ?? '';
  if (subpath !== '') {
    if (Source === '') throw new TypeError('must not set Subpath when using anonymous volumes');
    if (!isLocalPath(subpath)) throw new TypeError('subpath must be a relative path within the volume');
  }
  if (ReadOnly && Source === '')
    throw new TypeError('must not set ReadOnly mode when using anonymous volumes');
  const driver = VolumeOptions?.DriverConfig?.Name ?? '';
  return {
    ...(Source !== '' && { name: Source }),
    ...(driver !== '' && { driver }),
    labels: VolumeOptions?.Labels ?? {},
    options: VolumeOptions?.DriverConfig?.Options ?? {},
    isNoCopy: VolumeOptions?.NoCopy ?? false,
    ...(subpath !== '' && { subpath: posix.normalize(subpath) }),
  };
}

/** Relative, and not out of where it is relative to, whatever is there (as Go's `filepath.IsLocal`). */
function isLocalPath(path: string): boolean {
  const clean = posix.normalize(path);
  return !path.startsWith('/') && clean !== '..' && !clean.startsWith('../') && !path.includes('\0');
}

function tmpfsOptionsOf({ Source, BindOptions, VolumeOptions, TmpfsOptions, ReadOnly }: Mount): string {
  if (BindOptions) throw new TypeError('field BindOptions must not be specified');
  if (VolumeOptions) throw new TypeError('field VolumeOptions must not be specified');
  if (Source !== '') throw new TypeError('field Source must not be specified');
  const { Mode: mode, SizeBytes: size = 0, Options: options = [] } = TmpfsOptions ?? {};
  if (size < 0) throw new TypeError(`invalid tmpfs size: ${size}`);
  return [
    ...(ReadOnly ? ['ro'] : []),
    ...(mode === undefined || mode === 0 ? [] : [`mode=${mode.toString(8)}`]),
    ...(size > 0 ? [`size=${size}`] : []),
    ...options.map(tmpfsOption),
  ].join(',');
}

function tmpfsOption(option: readonly string[]): string {
  if (option.length !== 1 && option.length !== 2) throw new TypeError('invalid option array length');
  const [name = ''] = option;
  if (name !== 'exec' && name !== 'noexec') throw new TypeError(`invalid option: ${name}`);
  return option.join('=');
}

function isMode(mode: string): boolean {
  if (mode === '') return true;
  const words = mode.split(',');
  return (
    words.every(word => MODE_GROUPS.some(group => group.has(word))) &&
    MODE_GROUPS.every(group => words.filter(word => group.has(word)).length <= 1)
  );
}

function invalidSpec(raw: string, reason?: string): EngineError {
  const message = `invalid volume specification: '${raw}'`;
  return new EngineError('invalid', reason === undefined ? message : `${message}: ${reason}`);
}
