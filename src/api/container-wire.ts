import type { ContainerView, MountPoint } from '#container/container';
import { toTimestamp } from '#spec/docker/timestamp';
import type { ApiMinor } from './api-version.ts';
import { configToWire } from './container-config-wire.ts';
import { stateToWire, statusText } from './container-state-wire.ts';
import { hostConfigToWire } from './host-config-wire.ts';
import { exposedPorts, networkSettingsToWire, networksToWire } from './network-settings-wire.ts';

/** Bytes of the writable layer, and of the whole root file system. */
export interface ContainerSizes {
  readonly rw: number;
  readonly rootFs: number;
}

/** Engine API `ContainerInspectResponse`. */
export function containerToWire(view: ContainerView, version: ApiMinor, sizes?: ContainerSizes) {
  return {
    Id: view.id,
    Created: toTimestamp(view.createdAt),
    Path: view.path,
    Args: view.args,
    State: stateToWire(view.state),
    Image: view.imageId,
    ResolvConfPath: view.resolvConfPath,
    HostnamePath: view.hostnamePath,
    HostsPath: view.hostsPath,
    LogPath: view.logPath,
    Name: `/${view.name}`,
    RestartCount: view.restartCount,
    Driver: view.snapshotDirectories?.driver ?? 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: view.execIds.length > 0 ? view.execIds : null,
    HostConfig: hostConfigToWire(view.hostConfig, version),
    GraphDriver: { Data: graphData(view), Name: view.snapshotDirectories?.driver ?? 'overlay2' },
    ...(sizes ? { SizeRw: sizes.rw, SizeRootFs: sizes.rootFs } : {}),
    Mounts: view.mounts.map(mountToWire),
    Config: configToWire(view.config, version),
    NetworkSettings: networkSettingsToWire(view, version),
  };
}

/** Engine API `ContainerSummary`. `image` is what the IMAGE column shows. */
export function containerSummaryToWire(
  view: ContainerView,
  context: {
    readonly version: ApiMinor;
    readonly now: number;
    readonly image: string;
    readonly sizes?: ContainerSizes | undefined;
  },
) {
  const { version, now, image, sizes } = context;
  const { hostConfig, state } = view;
  const hasAnnotations = version >= 46 && Object.keys(hostConfig.Annotations).length > 0;
  return {
    Id: view.id,
    Names: [`/${view.name}`],
    Image: image,
    ImageID: view.imageId,
    Command: commandLine(view),
    Created: Math.floor(view.createdAt / 1000),
    Ports: portList(view),
    ...(sizes ? { SizeRw: sizes.rw, SizeRootFs: sizes.rootFs } : {}),
    Labels: view.config.Labels,
    State: state.status,
    Status: statusText(state, now),
    HostConfig: {
      NetworkMode: hostConfig.NetworkMode || 'default',
      ...(hasAnnotations ? { Annotations: hostConfig.Annotations } : {}),
    },
    ...(version >= 52
      ? {
          Health: { Status: state.health?.status ?? 'none', FailingStreak: state.health?.failingStreak ?? 0 },
        }
      : {}),
    NetworkSettings: { Networks: networksToWire(view, version) },
    Mounts: view.mounts.map(mountToWire),
  };
}

function mountToWire(mount: MountPoint) {
  return {
    Type: mount.type,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.driver === undefined ? {} : { Driver: mount.driver }),
    Mode: mount.mode,
    RW: mount.isWritable,
    Propagation: mount.propagation,
  };
}

function commandLine({ path, args }: ContainerView): string {
  return [path, ...args.map(argument => (argument.includes(' ') ? `'${argument}'` : argument))].join(' ');
}

function portList(view: ContainerView) {
  const publishedPorts = new Set(
    view.ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`),
  );
  const published = view.ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
    IP: hostIp,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol,
  }));
  const exposed = exposedPorts(view)
    .filter(port => !publishedPorts.has(port))
    .map(port => ({ PrivatePort: Number.parseInt(port, 10), Type: port.slice(port.indexOf('/') + 1) }));
  return [...exposed, ...published];
}

function graphData({ id, snapshotDirectories }: ContainerView): Record<string, string> | null {
  if (!snapshotDirectories) return null;
  const { lowers, merged, upper } = snapshotDirectories;
  return { ID: id, LowerDir: lowers.join(':'), MergedDir: merged, UpperDir: upper };
}
