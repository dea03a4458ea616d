import type { Abortable } from '#base/abortable';
import { EngineError, isKind, messageOf } from '#base/errors';
import type { ContainerId, ExecId } from '#base/ids';
import { KeyedMutex } from '#base/keyed-mutex';
import type { Image } from '#image/image';
import type { EndpointSettings } from '#spec/docker/container-config';
import type { ContainerCreateRequest } from '#spec/docker/container-create';
import type { ContainerUpdateRequest } from '#spec/docker/requests';
import { cgroupPids } from '#sys/cgroup-control';
import { type AttachRequest, attachToContainer, type ClientSession, type ClientStream } from './attacher.ts';
import { type CommitRequest, commitContainer } from './committer.ts';
import type {
  Container,
  ContainerFilter,
  ContainerView,
  Exec,
  ExecRequest,
  LogRequest,
  WaitCondition,
} from './container.ts';
import { ContainerFiles } from './container-files.ts';
import { filterContainers, prunable } from './container-filter.ts';
import { checkExec, checkPause, isAlive, nextState } from './container-machine.ts';
import { cgroupPath } from './container-paths.ts';
import { ContainerStats } from './container-stats.ts';
import { containerView, detailedView } from './container-view.ts';
import { type ContainerContext, type ContainerDeps, createContext, emitContainerEvent } from './context.ts';
import { createContainer } from './creator.ts';
import { nameInUse } from './errors.ts';
import { ExecManager, type ExecProcessBuilder } from './exec-manager.ts';
import { handleExit } from './exit-handler.ts';
import { containerLogs } from './log-access.ts';
import { requireValidName } from './name-generator.ts';
import { connectNetwork, disconnectNetwork, dropUnwantedEndpoints } from './network-change.ts';
import { setPaused } from './pauser.ts';
import { changePorts, type PortChange, redoPorts } from './port-change.ts';
import { listProcesses, type ProcessList } from './process-list.ts';
import { removeContainer } from './remover.ts';
import { updateContainer } from './resource-update.ts';
import { RestartScheduler } from './restart-scheduler.ts';
import { containersToStart, removeForgotten, restoreContainers, sweepContainers } from './restorer.ts';
import { RunningCompanions } from './running-companions.ts';
import { shutdownLimitMs, stopForShutdown } from './shutdown.ts';
import { buildExecProcess } from './start-spec.ts';
import { isStarting, startContainer } from './starter.ts';
import { killContainer, type StopOptions, stopContainer } from './stopper.ts';
import { forgetHold, type PauseSwitch, withUsersPaused } from './volume-hold.ts';
import { renameVolume } from './volume-rename.ts';
import type { WaitResult } from './waiters.ts';

export type { AttachRequest, ClientSession, ClientStream } from './attacher.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Life cycle of containers, and what works inside a running one. References are names, IDs or unique ID prefixes. */
export class ContainerService {
  readonly files: ContainerFiles;
  readonly stats: ContainerStats;
  readonly #context: ContainerContext;
  readonly #execs: ExecManager;
  readonly #companions: RunningCompanions;
  readonly #restarts: RestartScheduler;
  /** IDs of the containers that were there before the first request */
  #inherited: ReadonlySet<string> = new Set();
  readonly #names = new KeyedMutex();
  readonly #pauses: PauseSwitch = {
    pause: (id, note) => this.#setPaused(id, true, note),
    unpause: id => this.unpause(id),
  };
  #exits: Disposable | undefined;

  constructor(deps: ContainerDeps) {
    this.#context = createContext(deps);
    this.files = new ContainerFiles(this.#context);
    this.stats = new ContainerStats(this.#context);
    const buildProcess: ExecProcessBuilder = (container, request) =>
      buildExecProcess(this.#context, container, request);
    this.#execs = new ExecManager(this.#context, buildProcess);
    this.#companions = new RunningCompanions(this.#context, buildProcess);
    this.#restarts = new RestartScheduler(deps.logger, (id, restartCount) =>
      this.#startAgain(id, restartCount),
    );
  }

  /** @throws `notFound` (`No such image: x:latest`), `conflict` (name in use), `invalid`. */
  async create(
    name: string | undefined,
    request: ContainerCreateRequest,
    options: Abortable & { readonly platform?: string } = {},
  ): Promise<{ readonly id: ContainerId; readonly warnings: readonly string[] }> {
    return await createContainer(this.#context, name, request, options);
  }

  list(filter: ContainerFilter): ContainerView[] {
    return filterContainers(
      this.#context.index.all().map(container => this.#view(container)),
      filter,
      { resolveImage: reference => this.#context.images.find(reference)?.id },
    );
  }

  /** @throws `notFound` with Docker's wording `No such container: x`. */
  inspect(reference: string): ContainerView {
    const container = this.#context.index.get(reference);
    return detailedView(this.#context, container, this.#execs.of(container.id));
  }

  /** Sizes of the writable layer and of the whole root file system, in bytes. */
  async sizes(
    reference: string,
    options: Abortable = {},
  ): Promise<{ readonly rw: number; readonly rootFs: number }> {
    const { id, imageId } = this.#context.index.get(reference);
    const rw = (await this.#context.snapshots.usage(id, options)).sizeBytes;
    const image = imageId === '' ? undefined : this.#context.images.find(imageId);
    return { rw, rootFs: rw + (image?.sizeBytes ?? 0) };
  }

  /** @throws `notModified` when it runs already. */
  async start(reference: string, options: Abortable = {}): Promise<void> {
    const container = this.#context.index.get(reference);
    this.#restarts.cancel(container.id);
    try {
      this.#companions.started(await startContainer(this.#context, container.id, options));
    } catch (error) {
      await this.#removeFailed(container, error);
      throw error;
    }
  }

  /** @throws `notModified` when it does not run. */
  async stop(reference: string, options: StopOptions = {}): Promise<void> {
    const container = this.#context.index.get(reference);
    if (this.#cancelRestart(container)) return;
    await stopContainer(this.#context, container, options);
  }

  async restart(reference: string, options: StopOptions = {}): Promise<void> {
    const { id } = this.#context.index.get(reference);
    try {
      await this.stop(id, options);
    } catch (error) {
      if (!isKind(error, 'notModified')) throw error;
    }
    await this.start(id);
    emitContainerEvent(this.#context, this.#context.index.get(id), 'restart');
  }

  /** @throws `conflict` when it does not run, `invalid` for an unknown signal. */
  async kill(reference: string, { signalName }: { readonly signalName?: string } = {}): Promise<void> {
    const container = this.#context.index.get(reference);
    if (this.#cancelRestart(container)) return;
    await killContainer(this.#context, container, signalName);
  }

  async pause(reference: string): Promise<void> {
    await this.#setPaused(reference, true);
  }

  async unpause(reference: string): Promise<void> {
    await this.#setPaused(reference, false);
  }

  /** @throws `conflict` when the name is taken, `invalid` when it is none. */
  async rename(reference: string, newName: string): Promise<void> {
    const name = newName.replace(/^\//, '');
    const container = this.#context.index.get(reference);
    if (name === '') throw new EngineError('invalid', 'Neither old nor new names may be empty');
    requireValidName(name);
    using _lock = await this.#names.lock('');
    const owner = this.#context.index.ownerOf(name);
    if (owner === container.id) {
      throw new EngineError('invalid', 'Renaming a container with the same name as its current name');
    }
    if (owner) throw nameInUse(name, owner);
    const renamed = this.#context.index.rename(container.id, name);
    this.#context.networks.rename({ containerId: container.id, containerName: name });
    emitContainerEvent(this.#context, renamed, 'rename', { oldName: `/${container.name}` });
  }

  /** @throws `conflict` when it runs and `force` is not set. */
  async remove(
    reference: string,
    {
      force,
      volumes,
      link,
      signal,
    }: Abortable & { readonly force: boolean; readonly volumes: boolean; readonly link: boolean },
  ): Promise<void> {
    const container = this.#context.index.get(reference);
    if (link)
      throw new EngineError(
        'notFound',
        `Cannot get parent / for link ${reference}: links are entries in /etc/hosts here`,
      );
    if (force) this.#restarts.cancel(container.id);
    await removeContainer(this.#context, container, { force, volumes, ...(signal ? { signal } : {}) });
    this.#execs.forget(container.id);
  }

  /** Resolves when the condition holds. The container is looked up at once, so that a caller can answer first. */
  wait(reference: string, condition: WaitCondition, options: Abortable = {}): Promise<WaitResult> {
    const { id, state } = this.#context.index.get(reference);
    if (condition === 'not-running' && !isAlive(state.status)) {
      return Promise.resolve({ exitCode: state.exitCode, error: state.error });
    }
    return this.#context.waiters.wait(id, condition, options);
  }

  async prune({ filters }: { readonly filters: ReadonlyMap<string, readonly string[]> }): Promise<{
    readonly removed: readonly string[];
    readonly freedBytes: number;
  }> {
    const removed: string[] = [];
    let freedBytes = 0;
    for (const { id } of prunable(this.#context.index.all(), filters)) {
      const { rw } = await this.sizes(id);
      try {
        await this.remove(id, { force: false, volumes: false, link: false });
      } catch (error) {
        this.#context.logger.info('not pruned', { container: id, error: messageOf(error) });
        continue;
      }
      removed.push(id);
      freedBytes += rw;
    }
    this.#context.events.emit({
      type: 'container',
      action: 'prune',
      actor: { id: '', attributes: { reclaimed: String(freedBytes) } },
    });
    return { removed, freedBytes };
  }

  /** Changes limits and restart policy, of what runs at once. @returns warnings. @throws `notFound`, `conflict`, `invalid`. */
  async update(reference: string, request: ContainerUpdateRequest): Promise<readonly string[]> {
    return await updateContainer(this.#context, this.#context.index.get(reference), request);
  }

  /** Makes an image of a container as it is now. @throws `notFound`, `conflict`, `invalid`. */
  async commit(reference: string, request: CommitRequest, options: Abortable = {}): Promise<Image> {
    const container = this.#context.index.get(reference);
    return await commitContainer(this.#context, container, request, {
      ...options,
      pauses: this.#pauses,
    });
  }

  /** Processes as `ps` shows them. @throws `conflict` when it does not run. */
  async top(reference: string, psArguments: string): Promise<ProcessList> {
    const container = this.#context.index.get(reference);
    checkExec(container);
    emitContainerEvent(this.#context, container, 'top');
    return await listProcesses(cgroupPids(this.#context.host.cgroups, cgroupPath(container)), psArguments);
  }

  async resize(reference: string, size: TerminalSize): Promise<void> {
    const container = this.#context.index.get(reference);
    checkExec(container);
    this.#context.runtime.resize(this.#context.paths.bundle(container.id), size);
    emitContainerEvent(this.#context, container, 'resize', {
      height: String(size.rows),
      width: String(size.columns),
    });
  }

  /** Takes a client's place at the standard streams; its session runs once the caller has answered. */
  async attach(reference: string, request: AttachRequest): Promise<ClientSession> {
    return attachToContainer(
      this.#context,
      this.#context.index.get(reference),
      request,
      (container, logs, options) => containerLogs(this.#context, container, logs, options),
    );
  }

  /** Log lines as a byte stream. @throws `conflict`-like when the log driver keeps none. */
  logs(
    reference: string,
    request: LogRequest,
    options: Abortable = {},
  ): ClientStream & { readonly bytes: AsyncIterable<Buffer> } {
    const container = this.#context.index.get(reference);
    return { isRaw: container.config.Tty, bytes: containerLogs(this.#context, container, request, options) };
  }

  /** @throws `conflict` when the container does not run or is paused. */
  async createExec(reference: string, request: ExecRequest): Promise<ExecId> {
    return this.#execs.create(this.#context.index.get(reference), request);
  }

  inspectExec(id: string): Exec {
    return this.#execs.inspect(id);
  }

  /** The session starts the process, with the connection as its streams. Without a connection: detached. */
  async startExec(
    id: string,
    options: {
      readonly isDetached: boolean;
      readonly hasTerminal: boolean;
      readonly consoleSize?: TerminalSize;
    },
  ): Promise<ClientSession> {
    return this.#execs.start(id, options);
  }

  async resizeExec(id: string, size: TerminalSize): Promise<void> {
    this.#execs.resize(id, size);
  }

  /** Attaches a container to one more network, at once when it runs. */
  async connectNetwork(reference: string, network: string, settings: EndpointSettings): Promise<void> {
    await connectNetwork(this.#context, this.#context.index.get(reference), network, settings);
  }

  async disconnectNetwork(
    reference: string,
    network: string,
    options: { readonly force: boolean },
  ): Promise<void> {
    await disconnectNetwork(this.#context, this.#context.index.get(reference), network, options);
  }

  /** Publishes more or fewer ports, at once where the container runs, and for its next starts. */
  async changePorts(reference: string, change: PortChange): Promise<void> {
    await changePorts(this.#context, this.#context.index.get(reference), change);
  }

  /**
   * Gives a volume another name, in its own records and in those of the containers that refer to it, running or not.
   *
   * @throws what the volume service throws; `conflict` when containers come and go meanwhile.
   */
  async renameVolume(name: string, newName: string, options: Abortable = {}): Promise<void> {
    await renameVolume(this.#context, name, newName, options);
  }

  /** Runs `work` while the containers that run with a volume are paused. */
  async withUsersPaused<T>(volume: string, work: () => Promise<T>): Promise<T> {
    return await withUsersPaused(this.#context, volume, this.#pauses, work);
  }

  /** Whether a container, by its full ID, has a process or is about to: while it starts it has its mounts already. */
  isRunning(id: string): boolean {
    const container = this.#context.index.find(id);
    if (container?.id !== id) return false;
    return isAlive(container.state.status) || isStarting(this.#context, id);
  }

  /** Counts by status, for `info`. */
  counts(): { readonly running: number; readonly paused: number; readonly stopped: number } {
    const all = this.#context.index.all();
    const running = all.filter(
      ({ state }) => state.status === 'running' || state.status === 'restarting',
    ).length;
    const paused = all.filter(({ state }) => state.status === 'paused').length;
    return { running, paused, stopped: all.length - running - paused };
  }

  /** Containers made from an image, for its removal. */
  usersOfImage(imageId: string): Container[] {
    return this.#context.index.all().filter(container => container.imageId === imageId);
  }

  nameOf(id: string): string | undefined {
    const container = this.#context.index.find(id);
    return container?.id === id ? container.name : undefined;
  }

  /** `--dns`; nothing for a container that does not exist. */
  dnsServersOf(id: string): readonly string[] {
    return this.#context.index.find(id)?.hostConfig.Dns ?? [];
  }

  /**
   * Adopts what runs, books what ended meanwhile, undoes or redoes what was cut. Before the first request.
   * @returns the IDs of all containers, and of those that run.
   */
  async restore(): Promise<{
    readonly existing: ReadonlySet<string>;
    readonly running: ReadonlySet<string>;
  }> {
    const hasExited = new Set<string>();
    let isRestored = false;
    const found: Parameters<typeof handleExit>[1][] = [];
    this.#exits = this.#context.runtime.watchExits(exit => {
      hasExited.add(exit.id);
      if (isRestored) this.#onExit(exit);
      else found.push(exit);
    });
    const { running, lost } = await restoreContainers(this.#context, hasExited);
    isRestored = true;
    for (const container of running) this.#companions.started(container);
    for (const exit of [...found, ...lost]) this.#onExit(exit);
    const ids = (list: readonly Container[]): ReadonlySet<string> => new Set(list.map(({ id }) => id));
    this.#inherited = ids(this.#context.index.all());
    return { existing: this.#inherited, running: ids(running) };
  }

  /** What may follow the first answer: restart policies, `--rm`, the sweep of what nobody owns. */
  async catchUp(): Promise<void> {
    await Promise.all(this.#context.teardowns.values());
    await dropUnwantedEndpoints(this.#context);
    await redoPorts(this.#context);
    await removeForgotten(this.#context, this.#inherited);
    await sweepContainers(this.#context);
    for (const container of containersToStart(this.#context)) {
      this.#restarts.schedule(container.id, { delayMs: 0, restartCount: container.restartCount });
    }
  }

  /** Ends all containers because the machine goes down; those that are to restart do so with the next engine. */
  async stopForShutdown(): Promise<void> {
    this.#restarts.close();
    await stopForShutdown(this.#context);
  }

  /** How long that takes at most. */
  get shutdownLimitMs(): number {
    return shutdownLimitMs(this.#context);
  }

  /** Stops watching. Containers run on; clean-up that was begun is finished. */
  async close(): Promise<void> {
    this.#exits?.[Symbol.dispose]();
    this.#restarts.close();
    this.#companions[Symbol.dispose]();
    await Promise.all(this.#context.teardowns.values());
  }

  #onExit(exit: Parameters<typeof handleExit>[1]): void {
    handleExit(this.#context, exit, {
      stopped: id => this.#companions.stopped(id),
      previousDelayMs: id => this.#restarts.previousDelayMs(id),
      scheduleRestart: (id, delayMs) => {
        this.#restarts.schedule(id, { delayMs, restartCount: this.#context.index.get(id).restartCount + 1 });
      },
    }).catch((error: unknown) =>
      this.#context.logger.error('cannot book an exit', { container: exit.id, error }),
    );
  }

  async #startAgain(id: string, restartCount: number): Promise<void> {
    if (!this.#context.index.find(id)) return;
    this.#companions.started(await startContainer(this.#context, id, { restartCount }));
  }

  /** A container that waits for its next start has no process to stop: it is stopped by not starting it. */
  #cancelRestart(container: Container): boolean {
    if (container.state.status !== 'restarting' || !this.#restarts.cancel(container.id)) return false;
    const stopped = this.#context.index.update(container.id, {
      isManuallyStopped: true,
      state: nextState(container.state, { type: 'restartCancelled' }),
    });
    this.#context.waiters.exited(container.id, { exitCode: container.state.exitCode, error: '' });
    emitContainerEvent(this.#context, stopped, 'stop');
    return true;
  }

  async #removeFailed(container: Container, error: unknown): Promise<void> {
    if (!container.hostConfig.AutoRemove || isKind(error, 'notModified')) return;
    const current = this.#context.index.find(container.id);
    if (!current || current.state.status === 'running') return;
    await this.remove(container.id, { force: true, volumes: true, link: false });
  }

  /** @param note called before it is paused, once it is known that it can be */
  async #setPaused(reference: string, isPaused: boolean, note: () => void = () => undefined): Promise<void> {
    const { id } = this.#context.index.get(reference);
    using _lock = await this.#context.locks.lock(id);
    const container = this.#context.index.get(id);
    if (!isPaused) {
      await setPaused(this.#context, container, false);
      forgetHold(this.#context.journal, id);
      this.#companions.resumed(this.#context.index.get(id));
      return;
    }
    checkPause(container);
    note();
    this.#companions.paused(id);
    try {
      await setPaused(this.#context, container, true);
    } finally {
      const after = this.#context.index.get(id);
      if (after.state.status === 'running') this.#companions.resumed(after); // it could not be paused
    }
  }

  #view(container: Container): ContainerView {
    return containerView(this.#context, container, this.#execs.of(container.id));
  }
}
