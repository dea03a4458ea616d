import { rmSync } from 'node:fs';
import { sleep } from '#base/abortable';
import { messageOf } from '#base/errors';
import type { CgroupSupport } from '#sys/cgroup';
import { killCgroup, removeCgroup, setFrozen } from '#sys/cgroup-control';
import { reapOrphans } from '#sys/orphans';
import { signalProcess } from '#sys/process-handle';
import { runTool } from '#sys/run-tool';
import { isErrno } from '#sys/sys-error';
import { removeBundle } from './bundle-files.ts';
import type { ContainerRecord } from './container-records.ts';
import { endLaunch, processesEnded } from './launch-end.ts';
import type { RuntimeContext } from './runtime-context.ts';

const SIGKILL = 9;
/** Processes that are killed are gone in well under this, unless the kernel cannot let them go. */
const KILL_TIMEOUT_MS = 10_000;
const MAX_PAUSE_MS = 50;
/** conmon writes the exit code within milliseconds, unless a client that does not read holds it up. */
const SUPERVISOR_TIMEOUT_MS = 1_000;
const TOOL_TIMEOUT_MS = 10_000;

/**
 * Removes all there is of a container, in an order that can be taken up again at any point: processes, cgroup,
 * runtime state, bundle.
 *
 * @throws {Error} `EBUSY` when a process cannot be killed; what is left can be removed by a later call.
 */
export async function removeContainer(context: RuntimeContext, record: ContainerRecord): Promise<void> {
  const { process, supervisor } = record;
  if (process) signalProcess(process, SIGKILL);
  else if (supervisor) await endLaunch(supervisor); // its creation is under way
  await endCgroup(context.cgroups, record.cgroupsPath);
  reapOrphans();
  if (supervisor) {
    await processesEnded([supervisor], {
      timeoutMs: SUPERVISOR_TIMEOUT_MS,
      onTimeout: () => signalProcess(supervisor, SIGKILL),
    });
  }
  await removeState(context, record);
  removeBundle(record.bundle);
}

/**
 * Also ends what outlives the first process (`--pid=host`), and what a runtime that was killed half-way still puts
 * into the group.
 */
async function endCgroup(cgroups: CgroupSupport, path: string): Promise<void> {
  const deadline = Date.now() + KILL_TIMEOUT_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      await removeCgroup(cgroups, path, { attempts: 1 });
      return;
    } catch (error) {
      if (!isErrno(error, 'EBUSY', 'ENOTEMPTY') || Date.now() > deadline) throw error;
    }
    setFrozen(cgroups, path, false); // in cgroup v1 a frozen process only dies when it thaws
    await killCgroup(cgroups, path);
    await sleep(pauseMs);
  }
}

/** The runtime's own `delete` only comes in when its state cannot be removed as the plain files that it is. */
async function removeState(
  { layout, logger }: RuntimeContext,
  { id, runtime }: ContainerRecord,
): Promise<void> {
  const directory = layout.stateDir(runtime, id);
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    logger.warn('cannot remove runtime state', { container: id, error: messageOf(error) });
    const { path } = layout.program(runtime);
    const args = ['--root', layout.stateRoot(runtime), 'delete', '--force', id];
    await runTool(path, args, { timeoutMs: TOOL_TIMEOUT_MS });
  }
}
