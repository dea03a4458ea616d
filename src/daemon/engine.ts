import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiServerDeps, createApiServer } from '#api/api-server';
import { codeOf } from '#base/errors';
import { type FaultSwitch, noFaults } from '#base/fault-points';
import type { Logger } from '#base/logger';
import { ContainerIndex } from '#container/container-index';
import { isAlive } from '#container/container-machine';
import { ContainerPaths } from '#container/container-paths';
import { ContainerService } from '#container/container-service';
import { ContainerTable, containerMigrations } from '#container/container-table';
import type { HttpServer } from '#http/http-server';
import { ImageService } from '#image/image-service';
import { imageMigrations } from '#image/image-table';
import { networkMigrations } from '#network/network-migrations';
import { NetworkService } from '#network/network-service';
import { ConmonRuntime } from '#runtime/conmon-runtime';
import { type HostFacts, readHostFacts } from '#runtime/oci-spec/host-facts';
import { SeccompFilters } from '#runtime/oci-spec/seccomp-filters';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { ContentStore } from '#store/content-store';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { Journal, journalMigrations } from '#store/journal';
import { repairHybrid } from '#sys/cgroup';
import { linuxMounts } from '#sys/mount';
import { loadSeccompCompiler } from '#sys/seccomp';
import { VolumeService } from '#volume/volume-service';
import { volumeMigrations } from '#volume/volume-table';
import { ENGINE_BUILD } from './build-info.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { lockRoot } from './engine-lock.ts';
import { EventLog } from './event-log.ts';
import { findPrograms, type HostPrograms } from './host-programs.ts';
import { watchEventLoop } from './loop-watch.ts';
import { listenOnUnixSocket, removeSocketFile } from './socket-listener.ts';
import { SystemReport } from './system-report.ts';

export interface Engine {
  /** Stops serving. Containers run on; clean-up under way is finished. */
  close(): Promise<void>;
}

const MIGRATIONS = [
  ...journalMigrations,
  ...snapshotMigrations,
  ...imageMigrations,
  ...volumeMigrations,
  ...networkMigrations,
  ...containerMigrations,
];

/**
 * Puts the engine together, makes it agree with what is left from its last life, and listens.
 *
 * @throws {EngineError} `conflict` when another engine uses the same root or socket, `unavailable` when the host lacks something.
 */
export async function startEngine(config: DaemonConfig, logger: Logger): Promise<Engine> {
  await using undo = new AsyncDisposableStack();
  undo.use(lockRoot(config.root));
  if (config.logLevel === 'debug') undo.use(watchEventLoop(logger));
  const services = undo.adopt(await createServices(config, logger), each => each.dispose());
  const { containers, networks, images, volumes, snapshots } = services;
  const known = await containers.restore();
  await volumes.restore(known);
  await networks.restore(known.running);
  const server = createApiServer(services.api);
  undo.defer(() => server.close());
  for (const host of config.hosts) await listen(server, host, config.group, undo);
  logger.info('the engine is ready', {
    hosts: config.hosts,
    version: ENGINE_BUILD.version,
    root: config.root,
  });
  const catchUp = (async () => {
    await containers.catchUp();
    await images.sweep();
    await Promise.all([services.programs.readVersions(), services.seccomp.prewarm()]);
    logger.debug('caught up with the last life', { snapshots: snapshots.driver });
  })().catch((error: unknown) => logger.error('cannot catch up with the last life', { error }));
  const owned = undo.move();
  return {
    close: async () => {
      await server.close();
      await containers.close();
      await catchUp;
      await volumes.settled();
      if (containers.counts().running + containers.counts().paused === 0) await networks.shutdown();
      await owned.disposeAsync();
    },
  };
}

async function listen(
  server: HttpServer,
  host: string,
  group: string,
  undo: AsyncDisposableStack,
): Promise<void> {
  const path = host.slice('unix://'.length);
  await listenOnUnixSocket(server.server, path, group);
  undo.defer(() => removeSocketFile(path));
}

interface Services {
  readonly api: ApiServerDeps;
  readonly containers: ContainerService;
  readonly networks: NetworkService;
  readonly images: ImageService;
  readonly volumes: VolumeService;
  readonly snapshots: OverlaySnapshotter;
  readonly seccomp: SeccompFilters;
  readonly programs: HostPrograms;
  dispose(): Promise<void>;
}

async function createServices(config: DaemonConfig, logger: Logger): Promise<Services> {
  const { root, runDir } = config;
  for (const controller of repairHybrid())
    logger.info('mounted a control group that crun needs', { controller });
  const host = readHostFacts();
  const programs = findPrograms({ initPath: config.initPath });
  const db = new Database(join(root, 'quai.db'));
  db.migrate(MIGRATIONS, logger);
  const events = new EventLog();
  const jail = new JailPool();
  const snapshots = new OverlaySnapshotter({ db, root: join(root, 'snapshots'), jail, logger });
  const content = new ContentStore({ root: join(root, 'content') });
  const images = new ImageService({
    db,
    content,
    snapshots,
    jail,
    events,
    logger,
    isUsed: id => containers.usersOfImage(id).map(container => container.id),
    isRunning: id => isAlive(containers.inspect(id).state.status),
  });
  const volumes = new VolumeService({
    db,
    root: join(root, 'volumes'),
    jail,
    mounts: linuxMounts,
    events,
    logger,
  });
  const networks = new NetworkService({
    db,
    runDir,
    instance: { key: config.instanceKey.slice(0, 4), bridgeName: config.bridgeName },
    events,
    logger,
    resolveContainerName: id => containers.nameOf(id),
  });
  const runtime = new ConmonRuntime({
    runDir,
    conmon: programs.conmon,
    runtimes: runtimePrograms(programs),
    logger,
  });
  const seccomp = new SeccompFilters({
    compiler: loadSeccompCompiler(),
    cacheDir: join(root, 'seccomp'),
    host,
    logger,
  });
  const table = new ContainerTable(db);
  const paths = new ContainerPaths(root, runDir);
  mkdirSync(paths.containersDir, { recursive: true, mode: 0o710 });
  mkdirSync(paths.bundlesDir, { recursive: true, mode: 0o700 });
  const containers: ContainerService = new ContainerService({
    table,
    index: new ContainerIndex(table),
    paths,
    journal: new Journal(db),
    images,
    snapshots,
    volumes,
    networks,
    runtime,
    mounts: linuxMounts,
    events,
    faults: faultSwitch(config),
    logger,
    host,
    seccomp,
    defaults: {
      runtime: config.defaultRuntime,
      runtimes: [...programs.runtimes.keys()],
      initPath: programs.init,
      pidsLimit: config.defaultPidsLimit,
      logOptions: config.logOptions,
    },
  });
  const system = systemReport(config, host, programs, snapshots.driver);
  return {
    api: { containers, images, volumes, networks, system, events, logger },
    containers,
    networks,
    images,
    volumes,
    snapshots,
    seccomp,
    programs,
    dispose: async () => {
      await jail[Symbol.asyncDispose]();
      db[Symbol.dispose]();
    },
  };
}

function runtimePrograms({ runtimes }: HostPrograms) {
  return new Map(
    [...runtimes].map(([name, path]) => [name, { path, gate: name === 'crun' ? 'crun' : 'runc' } as const]),
  );
}

function systemReport(
  config: DaemonConfig,
  host: HostFacts,
  programs: HostPrograms,
  storageDriver: string,
): SystemReport {
  return new SystemReport({
    build: ENGINE_BUILD,
    engineId: engineId(config.root),
    config,
    host,
    programs,
    storageDriver,
  });
}

/** Kills the engine, as a crash would, when it reaches the point that a test named. */
function faultSwitch({ fault }: DaemonConfig): FaultSwitch {
  if (fault === undefined) return noFaults;
  return {
    reach: point => {
      if (point === fault) process.kill(process.pid, 'SIGKILL');
    },
  };
}

/** Made once for a data root, as `docker info` shows it. */
function engineId(root: string): string {
  const path = join(root, 'engine-id');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    const id = randomUUID();
    writeFileSync(path, `${id}\n`);
    return id;
  }
}
