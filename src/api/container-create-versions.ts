import { EngineError } from '#base/errors';
import { ownValue } from '#base/own-value';
import type { EndpointSettings } from '#spec/docker/container-config';
import type { ContainerCreateRequest } from '#spec/docker/container-create';
import type { Mount } from '#spec/docker/host-config';
import type { ApiMinor } from './api-version.ts';

export interface AdaptedCreate {
  readonly request: ContainerCreateRequest;
  readonly warnings: readonly string[];
}

/**
 * Makes a request to create a container mean what it meant in the version it was sent for, as moby does
 * (`daemon/server/router/container/container_routes.go`): fields that were not known then do not count, and
 * defaults are those of then.
 *
 * @throws {EngineError} `invalid` where the version cannot express what is asked for.
 */
export function adaptCreate(request: ContainerCreateRequest, version: ApiMinor): AdaptedCreate {
  refuse(request, version);
  const { request: adapted, warnings } = migrateMacAddress(ageRequest(request, version), version);
  return { request: adapted, warnings: [...warnings, ...volumeDriverWarnings(adapted, version)] };
}

function refuse(request: ContainerCreateRequest, version: ApiMinor): void {
  const networks = Object.keys(request.NetworkingConfig.EndpointsConfig);
  if (version < 44 && networks.length > 1) {
    throw invalid(`Container cannot be created with multiple network endpoints: ${networks.join(', ')}`);
  }
  for (const mount of request.HostConfig.Mounts) {
    if (version >= 42) refuseForeignOptions(mount);
    if (version < 44 && mount.Type === 'bind' && mount.BindOptions?.ReadOnlyForceRecursive) {
      throw invalid('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer');
    }
    if (version < 45 && mount.VolumeOptions?.Subpath) {
      throw invalid('VolumeOptions.Subpath needs API v1.45 or newer');
    }
    if (version < 48 && mount.Type === 'image') throw invalid('Mount type "Image" needs API v1.48 or newer');
  }
}

function refuseForeignOptions(mount: Mount): void {
  if (mount.VolumeOptions && mount.Type !== 'volume') throw foreign('VolumeOptions', mount.Type);
  if (mount.BindOptions && mount.Type !== 'bind') throw foreign('BindOptions', mount.Type);
  if (mount.TmpfsOptions && mount.Type !== 'tmpfs') throw foreign('TmpfsOptions', mount.Type);
}

function ageRequest(request: ContainerCreateRequest, version: ApiMinor): ContainerCreateRequest {
  const { HostConfig: host, NetworkingConfig: networking, Healthcheck: health } = request;
  return {
    ...request,
    ...(version < 44 && health ? { Healthcheck: { ...health, StartInterval: 0 } } : {}),
    HostConfig: {
      ...host,
      ...(version < 40 && host.IpcMode === '' ? { IpcMode: 'shareable' } : {}),
      ...(version < 42 ? { ConsoleSize: undefined } : {}),
      ...(version < 43 ? { Annotations: {} } : {}),
      PidsLimit: host.PidsLimit === undefined || host.PidsLimit <= 0 ? undefined : host.PidsLimit,
      Mounts: host.Mounts.map(mount => ageMount(mount, version)),
    },
    NetworkingConfig: {
      EndpointsConfig: mapValues(networking.EndpointsConfig, settings =>
        version < 48 ? { ...settings, GwPriority: 0 } : settings,
      ),
    },
  };
}

function ageMount(mount: Mount, version: ApiMinor): Mount {
  if (version >= 44) return mount;
  const bind = mount.Type === 'bind' ? { ...emptyBindOptions, ...mount.BindOptions } : mount.BindOptions;
  return {
    ...mount,
    BindOptions: bind && {
      ...bind,
      NonRecursive: version >= 40 && bind.NonRecursive,
      CreateMountpoint: version >= 42 && bind.CreateMountpoint,
      ReadOnlyNonRecursive: true, // read-only mounts left out submounts until 1.44
    },
    ...(version < 42 && mount.Type !== 'volume' ? { VolumeOptions: undefined } : {}),
    ...(version < 42 && mount.Type !== 'tmpfs' ? { TmpfsOptions: undefined } : {}),
  };
}

const emptyBindOptions: NonNullable<Mount['BindOptions']> = {
  Propagation: '',
  NonRecursive: false,
  CreateMountpoint: false,
  ReadOnlyNonRecursive: false,
  ReadOnlyForceRecursive: false,
};

/** The container-wide MAC address became one of the main endpoint in 1.44, and went away in 1.52. */
function migrateMacAddress(request: ContainerCreateRequest, version: ApiMinor): AdaptedCreate {
  const { MacAddress: mac, HostConfig: host, NetworkingConfig: networking } = request;
  if (version >= 52) return { request: { ...request, MacAddress: '' }, warnings: [] };
  if (mac === '') return { request: version < 44 ? withoutMacAddresses(request) : request, warnings: [] };
  const mode = host.NetworkMode === '' ? 'default' : host.NetworkMode;
  const hasOwnNetwork = mode !== 'none' && mode !== 'host' && !mode.startsWith('container:');
  if (!hasOwnNetwork) {
    if (version < 44) throw invalid('conflicting options: mac-address and the network mode');
    return { request, warnings: [MAC_WARNING] };
  }
  const endpoint = ownValue(networking.EndpointsConfig, mode) ?? emptyEndpoint;
  if (version >= 44 && endpoint.MacAddress !== '' && endpoint.MacAddress !== mac) {
    throw invalid(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    );
  }
  const EndpointsConfig = { ...networking.EndpointsConfig, [mode]: { ...endpoint, MacAddress: mac } };
  return {
    request: { ...request, NetworkingConfig: { EndpointsConfig } },
    warnings: version < 44 ? [] : [MAC_WARNING],
  };
}

const MAC_WARNING =
  'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';

const emptyEndpoint: EndpointSettings = {
  IPAMConfig: undefined,
  Links: [],
  Aliases: [],
  MacAddress: '',
  DriverOpts: {},
  GwPriority: 0,
};

function withoutMacAddresses(request: ContainerCreateRequest): ContainerCreateRequest {
  const EndpointsConfig = mapValues(request.NetworkingConfig.EndpointsConfig, settings => ({
    ...settings,
    MacAddress: '',
  }));
  return { ...request, NetworkingConfig: { EndpointsConfig } };
}

function volumeDriverWarnings({ HostConfig: host }: ContainerCreateRequest, version: ApiMinor): string[] {
  if (host.VolumeDriver === '' || version < 48) return [];
  const isIgnored = host.Mounts.some(
    mount => mount.Type === 'volume' && !mount.VolumeOptions?.DriverConfig?.Name,
  );
  if (!isIgnored) return [];
  return [
    "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
  ];
}

function mapValues<T>(map: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

function foreign(options: string, type: string): EngineError {
  return invalid(`${options} must not be specified on mount type "${type}"`);
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
