import type { EventSink } from '#base/engine-event';
import type { FaultSwitch } from '#base/fault-points';
import { KeyedLimit } from '#base/keyed-limit';
import { KeyedMutex } from '#base/keyed-mutex';
import type { Logger } from '#base/logger';
import { Turnstile } from '#base/turnstile';
import type { ImageService } from '#image/image-service';
import type { NetworkService } from '#network/network-service';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import type { SeccompFilters } from '#runtime/oci-spec/seccomp-filters';
import type { ProcessRuntime } from '#runtime/process-runtime';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { JailPool } from '#store/jail-pool';
import type { Journal } from '#store/journal';
import type { Mounts } from '#sys/mount';
import type { VolumeService } from '#volume/volume-service';
import { AttachHub } from './attach-hub.ts';
import type { Container } from './container.ts';
import type { ContainerIndex } from './container-index.ts';
import type { ContainerPaths } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import { HostPaths } from './host-paths.ts';
import { PauseCount } from './pause-count.ts';
import { QuietVolumes } from './quiet-volumes.ts';
import { MOST_LOOKS } from './slow-files.ts';
import { Waiters } from './waiters.ts';

export interface ContainerDefaults {
  readonly runtime: string;
  /** names `--runtime` may have */
  readonly runtimes: readonly string[];
  readonly initPath: string | undefined;
  /** processes a container may have that sets no limit; absent: no limit */
  readonly pidsLimit: number | undefined;
  readonly logOptions: Readonly<Record<string, string>>;
}

export interface ContainerDeps {
  readonly table: ContainerTable;
  readonly index: ContainerIndex;
  readonly paths: ContainerPaths;
  readonly journal: Journal;
  readonly images: ImageService;
  readonly snapshots: Snapshotter;
  /** whether an active snapshot that is no container's is in use elsewhere; default: none is */
  readonly isSnapshotUsed?: (key: string) => boolean;
  readonly volumes: VolumeService;
  readonly networks: NetworkService;
  readonly runtime: ProcessRuntime;
  /** work on what containers wrote, at the engine's pace; and that of which clients set it */
  readonly jail: Pick<JailPool, 'run' | 'packLayers'>;
  readonly streams: Pick<JailPool, 'run' | 'pack' | 'packLayers' | 'lookAt'>;
  readonly mounts: Pick<Mounts, 'mount' | 'unmount' | 'detach'>;
  readonly events: EventSink;
  readonly faults: FaultSwitch;
  readonly logger: Logger;
  readonly host: HostFacts;
  readonly seccomp: SeccompFilters;
  readonly defaults: ContainerDefaults;
}

/** What the parts of the container service share: the dependencies, and what is only in memory. */
export interface ContainerContext extends ContainerDeps {
  /** one lock per container ID; not held while waiting for a process to end, or for a client */
  readonly locks: KeyedMutex;
  /** passed before each piece of synchronous work, so that a burst of starts holds nobody else up */
  readonly turns: Turnstile;
  /** folders below that of bundles in which a container that does not run is mounted for a moment */
  readonly views: Set<string>;
  /** of threads that look at files of a container, by its ID */
  readonly looks: KeyedLimit;
  readonly hostPaths: HostPaths;
  readonly waiters: Waiters;
  readonly quietVolumes: QuietVolumes;
  readonly pauseCount: PauseCount;
  readonly hub: AttachHub;
  /** teardown that goes on in the background after an exit was announced */
  readonly teardowns: Map<string, Promise<void>>;
}

export function createContext(deps: ContainerDeps): ContainerContext {
  return {
    ...deps,
    locks: new KeyedMutex(),
    turns: new Turnstile(),
    views: new Set(),
    looks: new KeyedLimit(MOST_LOOKS),
    hostPaths: new HostPaths(deps.streams),
    waiters: new Waiters(),
    quietVolumes: new QuietVolumes(),
    pauseCount: new PauseCount(),
    hub: new AttachHub(),
    teardowns: new Map(),
  };
}

/** Announces something that happened to a container, with the attributes Docker gives. */
export function emitContainerEvent(
  { events }: Pick<ContainerContext, 'events'>,
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  events.emit({
    type: 'container',
    action,
    actor: {
      id: container.id,
      attributes: {
        ...container.config.Labels,
        ...attributes,
        image: container.imageName,
        name: container.name,
      },
    },
  });
}
