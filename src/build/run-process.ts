import { mkdirSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { type Abortable, orAborted, throwIfAborted } from '#base/abortable';
import type { FaultSwitch } from '#base/fault-points';
import { newId } from '#base/ids';
import type { NetworkService } from '#network/network-service';
import { buildSpec } from '#runtime/oci-spec/build-spec';
import { grantedCapabilities } from '#runtime/oci-spec/capabilities';
import { fitHostConfig } from '#runtime/oci-spec/fit-host-config';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import type { SeccompFilters } from '#runtime/oci-spec/seccomp-filters';
import { parseSecurityOptions } from '#runtime/oci-spec/security-options';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import { ensureWorkingDirectory } from '#runtime/oci-spec/working-directory';
import type { AttachedStreams, ProcessRuntime } from '#runtime/process-runtime';
import type { Snapshotter } from '#snapshot/snapshotter';
import { ContainerConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import type { JailPool } from '#store/jail-pool';
import type { Mounts } from '#sys/mount';
import { openDirectories } from '#sys/open-directories';
import { type BuildFolders, removeEmpty } from './build-folders.ts';
import type { BuildLimits } from './build-request.ts';
import type { PlacedMounts } from './run-mounts.ts';
import { prepareRunNetwork, type RunNetwork } from './run-network.ts';

export interface RunProcessDeps {
  readonly runtime: ProcessRuntime;
  readonly snapshots: Snapshotter;
  readonly networks: NetworkService;
  readonly host: HostFacts;
  readonly seccomp: SeccompFilters;
  readonly jail: Pick<JailPool, 'packLayers' | 'removeTree'>;
  readonly mounts: Pick<Mounts, 'mount' | 'unmount' | 'detach'>;
  readonly folders: BuildFolders;
  readonly faults: FaultSwitch;
  readonly defaults: { readonly runtime: string; readonly pidsLimit: number | undefined };
}

/** One command, and what it finds around it. */
export interface RunRequest {
  /** name of the layers below; absent: nothing is there */
  readonly below: string | undefined;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly network: string;
  readonly extraHosts: readonly string[];
  readonly limits: BuildLimits;
  readonly securityOpt: readonly string[];
  /** Puts what RUN mounts into the bundle, and says what the runtime is to mount where. */
  readonly place: (
    bundle: { readonly id: string; readonly rootfs: string },
    parts: AsyncDisposableStack,
  ) => Promise<PlacedMounts>;
}

export type OnOutput = (stream: 'stdout' | 'stderr', data: Buffer) => void | Promise<void>;

const SNAPSHOT_PREFIX = 'build-';
const SIGKILL = 9;
const BUNDLE_FILES = ['resolv.conf', 'hosts', 'hostname'];

/** Runs commands of a build, as containers run theirs: only that no row tells of them, and nothing is kept but what they wrote. */
export class RunProcesses implements Disposable {
  readonly #deps: RunProcessDeps;
  readonly #exits = new Map<string, (code: number) => void>();
  /** those of steps that run */
  readonly #snapshots = new Set<string>();
  #watch: Disposable | undefined;

  constructor(deps: RunProcessDeps) {
    this.#deps = deps;
  }

  /**
   * Runs a command to its end. When it succeeds `take` gets a layer of what it wrote; nothing else is left either way.
   *
   * @returns the exit code
   * @throws {ProcessStartError} when it cannot be started; {EngineError} `cancelled`.
   */
  async run(
    request: RunRequest,
    onOutput: OnOutput,
    take: (tar: Readable) => Promise<void>,
    { signal }: Required<Abortable>,
  ): Promise<number> {
    const { runtime, snapshots, networks, folders, faults, jail } = this.#deps;
    runtime.expectStart();
    const id = newId<string>();
    const key = `${SNAPSHOT_PREFIX}${id}`;
    await using parts = new AsyncDisposableStack();
    mkdirSync(folders.rootfs(id), { recursive: true, mode: 0o700 });
    parts.defer(() => this.#removeBundle(id));
    this.#snapshots.add(key);
    parts.defer(() => void this.#snapshots.delete(key));
    snapshots.prepare(key, request.below);
    parts.defer(() => snapshots.remove(key));
    parts.defer(() => networks.release(id));
    let isTaken = false;
    // Before any row changes: a command that failed may have filled the disk, and nothing can be written to the database.
    parts.defer(async () => {
      if (!isTaken) await jail.removeTree(snapshots.directories(key).upper);
    });
    let stubs: readonly string[] = [];
    {
      await using running = new AsyncDisposableStack();
      const placed = await this.#mount(id, key, request, running);
      stubs = placed.stubs;
      faults.reach('build.2-mounted');
      const code = await this.#execute(id, request, placed, { onOutput, signal }, running);
      faults.reach('build.4-ended');
      if (code !== 0) return code;
    }
    const { upper, lowers } = snapshots.directories(key);
    const opened = openDirectories([upper, ...lowers]);
    const [layer, ...below] = opened.fds;
    if (layer === undefined) throw new TypeError('a snapshot has a directory');
    const input = { layers: [layer], below, form: 'changes', stubs } as const;
    await take(jail.packLayers(input, { signal, onEnd: () => opened[Symbol.dispose]() }));
    isTaken = true;
    return 0;
  }

  ownsSnapshot(key: string): boolean {
    return this.#snapshots.has(key);
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  async #mount(
    id: string,
    key: string,
    request: RunRequest,
    running: AsyncDisposableStack,
  ): Promise<PlacedMounts> {
    const { mounts, snapshots, folders } = this.#deps;
    const rootfs = folders.rootfs(id);
    mounts.mount(rootfs, snapshots.mounts(key));
    running.defer(() => mounts.detach(rootfs));
    return await request.place({ id, rootfs }, running);
  }

  async #execute(
    id: string,
    request: RunRequest,
    placed: PlacedMounts,
    { onOutput, signal }: { readonly onOutput: OnOutput; readonly signal: AbortSignal },
    running: AsyncDisposableStack,
  ): Promise<number> {
    const { runtime, folders, defaults, faults } = this.#deps;
    const network = prepareRunNetwork(
      id,
      { mode: request.network, extraHosts: request.extraHosts },
      this.#deps,
    );
    const spec = await this.#spec(id, request, { network, placed });
    throwIfAborted(signal);
    const exited = this.#exited(id);
    running.defer(() => {
      this.#exits.delete(id);
    });
    running.defer(() => runtime.delete(id, defaults.runtime));
    const paths = folders.paths(id);
    const creating = runtime.create({
      id,
      paths,
      spec,
      runtime: defaults.runtime,
      hasTerminal: false,
      hasStdin: false,
      closesStdin: false,
      isLogged: false,
      signal,
    });
    const [attached, created] = await Promise.allSettled([network.attach({ signal }), creating]);
    if (attached.status === 'rejected') throw attached.reason;
    if (created.status === 'rejected') throw created.reason;
    using streams = runtime.attach(paths, { hasInput: false });
    const reading = readAll(streams, onOutput);
    reading.catch(() => undefined); // looked at below, perhaps later than it fails
    await runtime.start(id, defaults.runtime, { signal });
    faults.reach('build.3-running');
    try {
      // Nobody can be told what it writes any more: then it ends.
      const code = await orAborted(Promise.race([exited, reading.then(() => exited)]), signal);
      // What it left running ended with it, as it is process 1; so does the output, when whoever reads it has got all.
      await orAborted(reading, signal);
      await runtime.delete(id, defaults.runtime);
      return code;
    } catch (error) {
      runtime.kill(id, SIGKILL);
      streams[Symbol.dispose]();
      await reading.catch(() => undefined);
      throw error;
    }
  }

  async #spec(
    id: string,
    request: RunRequest,
    { network, placed }: { readonly network: RunNetwork; readonly placed: PlacedMounts },
  ): Promise<ReturnType<typeof buildSpec>> {
    const { host, seccomp, folders, defaults } = this.#deps;
    const rootfsPath = folders.rootfs(id);
    const user = lookUpUser(rootfsPath, request.user);
    const workingDir = ensureWorkingDirectory(rootfsPath, request.workingDir || '/');
    const [path = '', ...args] = request.args;
    const { hostConfig } = fitHostConfig(hostConfigOf(request, network.mode), host);
    const env = [...request.env, ...placed.env];
    return buildSpec({
      id,
      config: v.parse(ContainerConfig, { Env: env, WorkingDir: workingDir, User: request.user }),
      hostConfig,
      host,
      path,
      args,
      hostname: network.hostname,
      rootfsPath,
      mounts: placed.mounts,
      files: network.files,
      namespaces: network.namespacePath === undefined ? {} : { network: network.namespacePath },
      user,
      cgroupsPath: posix.join('/', hostConfig.CgroupParent || 'quai', id),
      seccomp: await seccomp.setting({
        seccomp: parseSecurityOptions(hostConfig.SecurityOpt).seccomp,
        isPrivileged: false,
        capabilities: grantedCapabilities(hostConfig, host.capabilities),
        takesProgram: defaults.runtime === 'crun',
      }),
      ...(defaults.pidsLimit === undefined ? {} : { defaultPidsLimit: defaults.pidsLimit }),
    });
  }

  /** Nobody may have asked for exits before the containers did: each is told of once. */
  #exited(id: string): Promise<number> {
    this.#watch ??= this.#deps.runtime.watchExits(exit => this.#exits.get(exit.id)?.(exit.code));
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#exits.set(id, resolve);
    return promise;
  }

  async #removeBundle(id: string): Promise<void> {
    const { folders } = this.#deps;
    for (const name of BUNDLE_FILES) rmSync(join(folders.bundle(id), name), { force: true });
    removeEmpty(folders.rootfs(id));
    removeEmpty(folders.bundle(id));
  }
}

async function readAll({ output }: AttachedStreams, onOutput: OnOutput): Promise<void> {
  for await (const { stream, data } of output) await onOutput(stream, data);
}

function hostConfigOf({ limits, securityOpt }: RunRequest, network: string): HostConfig {
  return v.parse(HostConfig, {
    NetworkMode: network,
    SecurityOpt: securityOpt,
    Memory: limits.memoryBytes ?? 0,
    MemorySwap: limits.memorySwapBytes ?? 0,
    CpuShares: limits.cpuShares ?? 0,
    CpuPeriod: limits.cpuPeriod ?? 0,
    CpuQuota: limits.cpuQuota ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    CgroupParent: limits.cgroupParent ?? '',
    ShmSize: limits.shmBytes ?? 0,
    Ulimits: (limits.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
  });
}
