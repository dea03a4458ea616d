import type { EventSink } from '#base/engine-event';
import type { Logger } from '#base/logger';
import type { ContainerService } from '#container/container-service';
import { createHttpServer, type HttpServer } from '#http/http-server';
import type { Route } from '#http/route';
import { apiEdge } from './api-edge.ts';
import { type AttestationRouteDeps, attestationRoutes } from './attestation-routes.ts';
import { type BuildRouteDeps, buildRoutes } from './build-routes.ts';
import { type CommitApi, commitRoutes } from './commit-routes.ts';
import { type ContainerFileApi, containerFileRoutes } from './container-file-routes.ts';
import { containerLifecycleRoutes, type LifecycleApi } from './container-lifecycle-routes.ts';
import { type ContainerRouteDeps, containerRoutes } from './container-routes.ts';
import { type ContainerStreamApi, containerStreamRoutes } from './container-stream-routes.ts';
import type { EventSource } from './event-source.ts';
import { type ExecApi, execRoutes } from './exec-routes.ts';
import { type ImageRouteDeps, imageRoutes } from './image-routes.ts';
import { type ImageStoreApi, imageStoreRoutes } from './image-store-routes.ts';
import { type NetworkRouteDeps, networkRoutes } from './network-routes.ts';
import { type PluginApi, pluginRoutes } from './plugin-routes.ts';
import { type PortApi, portRoutes } from './port-routes.ts';
import { registryExtraRoutes } from './registry-extra-routes.ts';
import { type RegistryApi, registryRoutes } from './registry-routes.ts';
import { type ScheduleApi, scheduleRoutes } from './schedule-routes.ts';
import { type StatsRouteDeps, statsRoutes } from './stats-routes.ts';
import { type SystemRouteDeps, systemRoutes } from './system-routes.ts';
import { unservedRoutes } from './unserved-routes.ts';
import { type VolumeContentDeps, volumeContentRoutes } from './volume-content-routes.ts';
import { type VolumeApi, volumeRoutes } from './volume-routes.ts';

export interface ApiServerDeps {
  readonly containers: ContainerRouteDeps['containers'] &
    LifecycleApi &
    ContainerStreamApi &
    ExecApi &
    NetworkRouteDeps['containers'] &
    VolumeContentDeps['containers'] &
    PortApi &
    ContainerFileApi &
    CommitApi &
    StatsRouteDeps['containers'] &
    Pick<ContainerService, 'counts' | 'usersOfImage'>;
  readonly images: ContainerRouteDeps['images'] &
    ImageRouteDeps['images'] &
    ImageStoreApi &
    AttestationRouteDeps['images'];
  readonly volumes: VolumeApi & VolumeContentDeps['volumes'] & SystemRouteDeps['volumes'];
  readonly networks: NetworkRouteDeps['networks'];
  readonly plugins: PluginApi;
  readonly schedules: ScheduleApi;
  readonly registries: RegistryApi;
  readonly builds: BuildRouteDeps['builds'];
  readonly contexts: BuildRouteDeps['contexts'];
  readonly system: SystemRouteDeps['system'];
  readonly events: EventSource & EventSink;
  readonly logger: Logger;
}

/** Every route of the Engine API: those that do something, and for all others one that says it does not yet. */
export function apiRoutes(deps: ApiServerDeps): Route[] {
  const served = servedRoutes(deps);
  return [...served, ...unservedRoutes(served)];
}

export function servedRoutes(deps: ApiServerDeps): Route[] {
  return [
    ...systemRoutes(deps),
    ...containerLifecycleRoutes(deps.containers),
    ...containerStreamRoutes(deps.containers),
    ...containerFileRoutes(deps.containers),
    ...commitRoutes(deps.containers),
    ...statsRoutes(deps),
    ...execRoutes(deps.containers),
    ...containerRoutes(deps),
    ...buildRoutes(deps),
    ...registryRoutes(deps.registries),
    ...registryExtraRoutes(deps.registries),
    ...attestationRoutes(deps),
    ...imageRoutes(deps),
    ...imageStoreRoutes(deps.images),
    ...volumeRoutes(deps.volumes),
    ...volumeContentRoutes(deps),
    ...networkRoutes(deps),
    ...pluginRoutes(deps.plugins),
    ...scheduleRoutes(deps.schedules),
    ...portRoutes(deps.containers),
  ];
}

/** The Engine API as an HTTP server that does not listen yet: `server.listen` on a Unix socket is for the caller. */
export function createApiServer(deps: ApiServerDeps): HttpServer {
  return createHttpServer({
    routes: apiRoutes(deps),
    edge: apiEdge(deps.system.build.version),
    logger: deps.logger,
  });
}
