import type { EventSink } from '#base/engine-event';
import type { FaultSwitch } from '#base/fault-points';
import type { Logger } from '#base/logger';
import type { ImageService } from '#image/image-service';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { Platform } from '#spec/oci/platform';
import type { JailPool } from '#store/jail-pool';
import type { Mounts } from '#sys/mount';
import type { AddSources } from './add-sources.ts';
import type { BuildFolders } from './build-folders.ts';
import type { RunMounts } from './run-mounts.ts';
import type { RunProcesses } from './run-process.ts';
import type { SharedSteps } from './shared-steps.ts';
import type { StepCache, StepResult } from './step-cache.ts';

/** What all builds share. */
export interface BuildDeps {
  readonly images: ImageService;
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'run' | 'copy' | 'extract' | 'removeTree' | 'index'>;
  readonly mounts: Pick<Mounts, 'mount' | 'detach'>;
  readonly adds: Pick<AddSources, 'fetch' | 'unpack'>;
  readonly folders: BuildFolders;
  readonly cache: StepCache;
  readonly runs: RunProcesses;
  readonly runMounts: RunMounts;
  readonly shared: SharedSteps<StepResult>;
  readonly faults: FaultSwitch;
  readonly events: EventSink;
  readonly logger: Logger;
  /** of this host */
  readonly platform: Platform;
}
