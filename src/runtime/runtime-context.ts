import type { FaultSwitch } from '#base/fault-points';
import type { Logger } from '#base/logger';
import type { CgroupSupport } from '#sys/cgroup';
import type { SealedPrograms } from '#sys/sealed-programs';
import type { ConmonPrograms } from './conmon-process.ts';
import type { ContainerRecords } from './container-records.ts';
import type { ExitFiles } from './exit-files.ts';
import type { RuntimeLayout } from './runtime-layout.ts';
import type { SupervisorGroup } from './supervisor-group.ts';

/** What the parts of the runtime share. */
export interface RuntimeContext {
  readonly layout: RuntimeLayout;
  readonly programs: ConmonPrograms;
  readonly records: ContainerRecords;
  readonly exits: ExitFiles;
  /** what the runtimes are started from */
  readonly sealed: SealedPrograms;
  readonly cgroups: CgroupSupport;
  readonly supervisorGroup: SupervisorGroup;
  /** how long a runtime may take to make a container */
  readonly createTimeoutMs: number;
  readonly faults: FaultSwitch;
  readonly logger: Logger;
}

/**
 * The path to start an OCI runtime by. Others than crun and runc may look for what belongs to them beside themselves.
 *
 * @throws {EngineError} `invalid` for a runtime that is not configured.
 */
export function runtimeProgram({ layout, sealed }: RuntimeContext, runtime: string): string {
  const { path, gate } = layout.program(runtime);
  return gate === 'program' ? path : sealed.pathOf(path);
}
