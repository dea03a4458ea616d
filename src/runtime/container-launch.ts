import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { orAborted, throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { findProcess } from '#sys/process-handle';
import { removeBundleFiles } from './bundle-files.ts';
import { conmonArguments } from './conmon-command.ts';
import { type RunningConmon, startConmon } from './conmon-process.ts';
import type { ContainerRecord } from './container-records.ts';
import type { CreateOptions } from './process-runtime.ts';
import { type RuntimeContext, runtimeProgram } from './runtime-context.ts';
import { startError } from './runtime-message.ts';

const SOURCES_SHOWN = 10;

export interface LaunchedContainer {
  readonly record: ContainerRecord;
  readonly conmon: RunningConmon;
}

/**
 * Starts conmon, which starts the runtime's `create`, and waits until the process waits for its start. The record
 * is there from the first effect on; whoever catches an error removes what it names.
 *
 * @throws {ProcessStartError}
 */
export async function launchContainer(
  context: RuntimeContext,
  options: CreateOptions,
): Promise<LaunchedContainer> {
  const { id, paths, spec, runtime, signal } = options;
  throwIfAborted(signal);
  const runtimePath = runtimeProgram(context, runtime);
  const args = conmonArguments({
    containerId: id,
    processId: id,
    bundle: paths.bundle,
    exitDir: context.layout.exits,
    ...(options.isLogged ? { log: paths.log } : {}),
    runtimePath,
    runtimeRoot: context.layout.stateRoot(runtime),
    hasTerminal: options.hasTerminal,
    hasStdin: options.hasStdin,
    closesStdin: options.closesStdin,
  });
  const record: ContainerRecord = {
    id,
    bundle: paths.bundle,
    runtime,
    cgroupsPath: spec.linux.cgroupsPath,
    closesStdin: options.hasStdin && options.closesStdin && !options.hasTerminal,
    isOver: false,
  };
  context.records.put(record);
  context.exits.remove(id);
  writeBundle(paths.bundle, JSON.stringify(spec));
  const conmon = await startConmon(context.programs, args, {
    bundle: paths.bundle,
    hasTerminal: options.hasTerminal,
  });
  const supervised = withHandle(record, 'supervisor', conmon.pid);
  context.records.put(supervised);
  const moved = context.supervisorGroup.take(conmon.pid);
  const known = withHandle(
    supervised,
    'process',
    await containerPid(conmon, options, context.createTimeoutMs),
  );
  context.records.put(known);
  await moved;
  return { record: known, conmon };
}

/** A process that has ended already stays unknown. */
function withHandle(record: ContainerRecord, role: 'process' | 'supervisor', pid: number): ContainerRecord {
  const handle = findProcess(pid);
  return handle ? { ...record, [role]: handle } : record;
}

function writeBundle(bundle: string, config: string): void {
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  removeBundleFiles(bundle);
  writeFileSync(join(bundle, 'config.json'), config, { mode: 0o600 });
}

/** When the signal fires, conmon works on: whoever undoes the creation ends it. */
async function containerPid(
  conmon: RunningConmon,
  { runtime, spec, signal }: CreateOptions,
  timeoutMs: number,
): Promise<number> {
  const stuck = Promise.withResolvers<never>();
  const timer = setTimeout(() => stuck.reject(stuckError(runtime, spec, timeoutMs)), timeoutMs);
  try {
    const { value, message } = await orAborted(Promise.race([conmon.report, stuck.promise]), signal);
    if (value > 0) return value;
    throw startError(message, { runtime, operation: 'create', executable: spec.process.args[0] ?? '' });
  } finally {
    clearTimeout(timer);
  }
}

/** Sources are looked at before, but a server may die in between: whoever then asks for what is there waits in the kernel. */
function stuckError(runtime: string, { mounts }: CreateOptions['spec'], timeoutMs: number): EngineError {
  const sources = mounts.filter(mount => mount.type === 'bind').map(({ source }) => source);
  const shown = sources.slice(0, SOURCES_SHOWN).join(', ') + (sources.length > SOURCES_SHOWN ? ', …' : '');
  return new EngineError(
    'deadline',
    `${runtime} has not made the container in ${timeoutMs / 1000} s: it may wait for a file system whose server is dead, see what it mounts: ${shown}`,
  );
}
