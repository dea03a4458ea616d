import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Abortable, throwIfAborted } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import { type FaultSwitch, noFaults } from '#base/fault-points';
import type { Logger } from '#base/logger';
import { type CgroupSupport, detectCgroups } from '#sys/cgroup';
import { isFrozen, liftCpuQuota, liftPidsLimit, setFrozen } from '#sys/cgroup-control';
import { countOomKills, isInCgroup } from '#sys/cgroup-facts';
import { CgroupMoveWait } from '#sys/cgroup-move-wait';
import { adoptOrphans } from '#sys/orphans';
import { findProcess, isAlive, signalProcess } from '#sys/process-handle';
import { runTool } from '#sys/run-tool';
import { SealedPrograms } from '#sys/sealed-programs';
import { Clients } from './clients.ts';
import { launchContainer } from './container-launch.ts';
import { type ContainerRecord, ContainerRecords } from './container-records.ts';
import { removeContainer } from './container-removal.ts';
import { reopenLog, resizeTerminal } from './control-fifo.ts';
import { launchExec } from './exec-launch.ts';
import { type ExitFile, ExitFiles } from './exit-files.ts';
import type { LiftedLimits } from './oci-spec/changed-resources.ts';
import { readPidFile } from './pid-file.ts';
import type {
  AttachedStreams,
  AttachOptions,
  BundlePaths,
  CreateOptions,
  ExecOptions,
  ProcessExit,
  ProcessRuntime,
  StartedExec,
} from './process-runtime.ts';
import { updateResources } from './resource-update.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { assertId, RuntimeLayout, type RuntimeProgram } from './runtime-layout.ts';
import { gatePath, openCrunGate, openRuncGate } from './start-gate.ts';
import { SupervisorGroup } from './supervisor-group.ts';
import { Supervisors } from './supervisors.ts';

export interface ConmonRuntimeDeps {
  /** on a tmpfs, ours alone; see {@link RuntimeLayout} */
  readonly runDir: string;
  /** path of conmon, 2.1 or later */
  readonly conmon: string;
  /** OCI runtimes by name */
  readonly runtimes: ReadonlyMap<string, RuntimeProgram>;
  /** default: found out */
  readonly cgroups?: CgroupSupport;
  /** default: two minutes, as for mounts of volumes */
  readonly createTimeoutMs?: number;
  readonly faults?: FaultSwitch;
  readonly logger: Logger;
}

/** see `ConmonPrograms.ttyDir` */
const MAX_TTY_DIR_BYTES = 60;
const START_TIMEOUT_MS = 10_000;
/** It takes 10 ms, and waits for nobody but the file systems that it mounts. */
const CREATE_TIMEOUT_MS = 120_000;

/** {@link ProcessRuntime} on conmon and a `runc`-compatible program. */
export class ConmonRuntime implements ProcessRuntime, Disposable {
  readonly #context: RuntimeContext;
  readonly #supervisors: Supervisors;
  readonly #clients: Clients;
  readonly #moveWait: CgroupMoveWait;

  /** Takes over what an engine before this one left in `runDir`. */
  constructor(deps: ConmonRuntimeDeps) {
    const { runDir, conmon, runtimes, cgroups = detectCgroups(), faults = noFaults, logger } = deps;
    mkdirSync(runDir, { recursive: true, mode: 0o711 });
    const layout = new RuntimeLayout(runDir, runtimes);
    this.#context = {
      layout,
      programs: { conmon, ttyDir: makeTtyDir(layout.consoles) },
      records: new ContainerRecords(layout.records),
      exits: new ExitFiles(layout.exits, logger),
      sealed: new SealedPrograms(),
      cgroups,
      createTimeoutMs: deps.createTimeoutMs ?? CREATE_TIMEOUT_MS,
      supervisorGroup: new SupervisorGroup({ cgroups, logger }),
      faults,
      logger,
    };
    adoptOrphans();
    this.#moveWait = new CgroupMoveWait(cgroups);
    this.#clients = new Clients(this.#context.records);
    this.#supervisors = new Supervisors(this.#context);
    for (const record of this.#context.records.list()) this.#supervisors.adopt(record);
  }

  expectStart(): void {
    void this.#moveWait.begin();
  }

  async create(options: CreateOptions): Promise<{ readonly pid: number; readonly supervisorPid: number }> {
    assertId(options.id);
    try {
      const { record, conmon } = await launchContainer(this.#context, options);
      this.#supervisors.own(record, conmon.exited);
      return { pid: record.process?.pid ?? 0, supervisorPid: conmon.pid };
    } catch (error) {
      await this.#undo(options.id);
      throw error;
    }
  }

  async start(id: string, runtime: string, { signal }: Abortable = {}): Promise<void> {
    throwIfAborted(signal);
    const { layout } = this.#context;
    const program = layout.program(runtime);
    const stateDir = layout.stateDir(runtime, id);
    await this.#clients.ready(this.#context.records.find(id)?.bundle ?? '');
    if (program.gate === 'crun' && openCrunGate(stateDir)) return;
    if (program.gate === 'runc' && (await openRuncGate(stateDir))) return;
    const args = ['--root', layout.stateRoot(runtime), 'start', id];
    const { status, output } = await runTool(program.path, args, { timeoutMs: START_TIMEOUT_MS });
    if (status !== 0) throw new EngineError('conflict', `cannot start container ${id}: ${output.trim()}`);
  }

  async exec(options: ExecOptions): Promise<StartedExec> {
    assertId(options.execId);
    return launchExec(this.#context, options);
  }

  kill(id: string, signal: number): void {
    const { process } = this.#identified(id) ?? {};
    if (process) signalProcess(process, signal);
  }

  pause(id: string): void {
    this.#freeze(id, true);
  }

  resume(id: string): void {
    this.#freeze(id, false);
  }

  isPaused(id: string): boolean {
    const record = this.#context.records.find(id);
    return !record || isFrozen(this.#context.cgroups, record.cgroupsPath);
  }

  async update(
    id: string,
    resources: Readonly<Record<string, unknown>>,
    { isPidsUnlimited, isCpuUnlimited }: LiftedLimits,
  ): Promise<void> {
    const record = this.#context.records.find(id);
    if (!record) throw new EngineError('conflict', `container ${id} is not running`);
    await updateResources(this.#context, record, resources);
    if (isPidsUnlimited) liftPidsLimit(this.#context.cgroups, record.cgroupsPath);
    if (isCpuUnlimited) liftCpuQuota(this.#context.cgroups, record.cgroupsPath);
  }

  async delete(id: string): Promise<void> {
    const record = this.#identified(id);
    if (!record) return;
    const { exits, records } = this.#context;
    // How a process ended that is ended here is nobody's business.
    const isOurs = !record.isOver && exits.find(id) === undefined;
    if (isOurs) exits.silence(id);
    this.#clients.release(record.bundle);
    await removeContainer(this.#context, record);
    if (isOurs) exits.remove(id);
    records.remove(id);
  }

  attach({ bundle }: BundlePaths, options: AttachOptions = {}): AttachedStreams {
    return this.#clients.attach(bundle, options);
  }

  resize({ bundle }: BundlePaths, size: { readonly rows: number; readonly columns: number }): void {
    resizeTerminal(bundle, size);
  }

  reopenLog({ bundle }: BundlePaths): void {
    reopenLog(bundle);
  }

  watchExits(onExit: (exit: ProcessExit) => void): Disposable {
    return this.#context.exits.watch(exit => onExit({ ...exit, isOomKilled: this.#isOomKilled(exit) }));
  }

  forgetExit(id: string): void {
    const { exits, records } = this.#context;
    const record = records.find(id);
    if (record) records.put({ ...record, isOver: true });
    exits.remove(id);
  }

  state(id: string): { readonly status: 'created' | 'running' | 'gone'; readonly pid?: number } {
    const record = this.#identified(id);
    if (!record?.process || !isAlive(record.process)) return { status: 'gone' };
    const isWaiting = existsSync(gatePath(this.#context.layout.stateDir(record.runtime, id)));
    return { status: isWaiting ? 'created' : 'running', pid: record.process.pid };
  }

  list(): string[] {
    return this.#context.records.list().map(({ id }) => id);
  }

  /** Leaves everything as it is to the next engine. */
  [Symbol.dispose](): void {
    this.#supervisors[Symbol.dispose]();
    this.#context.sealed[Symbol.dispose]();
    this.#context.supervisorGroup[Symbol.dispose]();
  }

  /** The record with its process, also when the engine that created it ended before it could note that down. */
  #identified(id: string): ContainerRecord | undefined {
    const record = this.#context.records.find(id);
    if (!record || record.process) return record;
    const pid = readPidFile(record.bundle);
    const process = pid === undefined ? undefined : findProcess(pid);
    if (!process || !isInCgroup(process.pid, record.cgroupsPath)) return record;
    const known = { ...record, process };
    this.#context.records.put(known);
    return known;
  }

  async #undo(id: string): Promise<void> {
    try {
      await this.delete(id);
    } catch (error) {
      this.#context.logger.error('cannot undo a failed creation', { container: id, error: messageOf(error) });
    }
  }

  #freeze(id: string, isFrozen: boolean): void {
    const { records, cgroups } = this.#context;
    const record = records.find(id);
    if (!record || !setFrozen(cgroups, record.cgroupsPath, isFrozen)) {
      throw new EngineError('conflict', `container ${id} is not running, or this host cannot pause it`);
    }
  }

  /** The kernel's count where the cgroup is still there, otherwise what conmon noticed. */
  #isOomKilled({ id }: ExitFile): boolean {
    const { records, cgroups } = this.#context;
    const record = records.find(id);
    if (!record) return false;
    const kills = countOomKills(cgroups, record.cgroupsPath);
    return kills === undefined ? existsSync(join(record.bundle, 'oom')) : kills > 0;
  }
}

/** Console sockets there are of conmons that were killed; conmon cuts off paths that are too long. */
function makeTtyDir(directory: string): string {
  if (Buffer.byteLength(directory) > MAX_TTY_DIR_BYTES) return '/run';
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}
