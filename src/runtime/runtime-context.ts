import type { Logger } from '#base/logger';
import type { CgroupSupport } from '#sys/cgroup';
import type { ConmonPrograms } from './conmon-process.ts';
import type { ContainerRecords } from './container-records.ts';
import type { ExitFiles } from './exit-files.ts';
import type { RuntimeLayout } from './runtime-layout.ts';

/** What the parts of the runtime share. */
export interface RuntimeContext {
  readonly layout: RuntimeLayout;
  readonly programs: ConmonPrograms;
  readonly records: ContainerRecords;
  readonly exits: ExitFiles;
  readonly cgroups: CgroupSupport;
  readonly logger: Logger;
}
