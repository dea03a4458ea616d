import { EngineError } from '#base/errors';
import type { HostConfig } from '#spec/docker/host-config';
import type { OciLinux } from '#spec/oci/runtime-spec';

export type OciNamespace = OciLinux['namespaces'][number];

/** Name spaces that exist already, by path (`/proc/PID/ns/…`, `/run/…/netns/…`). */
export interface NamespacePaths {
  /** absent: the host's network */
  readonly network?: string;
  /** absent: a new one, unless the mode is `host` */
  readonly pid?: string;
  readonly ipc?: string;
  readonly uts?: string;
}

type Modes = Pick<HostConfig, 'PidMode' | 'IpcMode' | 'UTSMode' | 'CgroupnsMode' | 'UsernsMode'>;

const IPC_MODES = new Set(['', 'none', 'private', 'shareable', 'host']);

/** @throws {EngineError} `invalid` with Docker's wording for a mode that does not exist. */
export function checkNamespaceModes(modes: Modes): void {
  const { PidMode, IpcMode, UTSMode, CgroupnsMode, UsernsMode } = modes;
  if (!IPC_MODES.has(IpcMode) && !isContainer(IpcMode)) throw invalidMode('IPC', IpcMode);
  if (PidMode !== '' && PidMode !== 'host' && !isContainer(PidMode)) throw invalidMode('PID', PidMode);
  if (UTSMode !== '' && UTSMode !== 'host') throw invalidMode('UTS', UTSMode);
  if (!['', 'private', 'host'].includes(CgroupnsMode)) throw invalidMode('cgroup namespace', CgroupnsMode);
  if (UsernsMode !== '' && UsernsMode !== 'host') throw invalidMode('userns', UsernsMode);
}

/** What the container gets of its own, and what it shares. */
export function namespaces(modes: Modes, paths: NamespacePaths): readonly OciNamespace[] {
  return [
    { type: 'mount' },
    ...(paths.network === undefined ? [] : [{ type: 'network', path: paths.network }]),
    ...ownOrShared('uts', modes.UTSMode, paths.uts),
    ...ownOrShared('pid', modes.PidMode, paths.pid),
    ...ownOrShared('ipc', modes.IpcMode, paths.ipc),
    ...(modes.CgroupnsMode === 'private' ? [{ type: 'cgroup' }] : []),
  ];
}

/** The container of `container:NAME`, else `undefined`. */
export function sharedContainer(mode: string): string | undefined {
  return isContainer(mode) ? mode.slice('container:'.length) : undefined;
}

function ownOrShared(type: string, mode: string, path: string | undefined): readonly OciNamespace[] {
  if (mode === 'host') return [];
  if (!isContainer(mode)) return [{ type }];
  if (path === undefined) throw new TypeError(`no ${type} name space was given for "${mode}"`);
  return [{ type, path }];
}

function isContainer(mode: string): boolean {
  return mode.startsWith('container:') && mode.length > 'container:'.length;
}

function invalidMode(kind: string, mode: string): EngineError {
  return new EngineError('invalid', `invalid ${kind} mode: ${mode}`);
}
