import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiServerDeps } from '#api/api-server';
import { orAborted } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import { type FaultSwitch, noFaults } from '#base/fault-points';
import type { Logger } from '#base/logger';
import { BuildService } from '#build/build-service';
import { buildMigrations } from '#build/step-table';
import { ContainerIndex } from '#container/container-index';
import { isAlive } from '#container/container-machine';
import { ContainerPaths } from '#container/container-paths';
import { ContainerService } from '#container/container-service';
import { ContainerTable, containerMigrations } from '#container/container-table';
import type { ContainerDeps } from '#container/context';
import type { RegistryClient } from '#distribution/registry-client';
import { ImageService } from '#image/image-service';
import { imageMigrations } from '#image/image-table';
import { TrustPolicy } from '#image/trust/trust-policy';
import { networkMigrations } from '#network/network-migrations';
import { NetworkService } from '#network/network-service';
import { Plugins } from '#plugin/plugins';
import { ConmonRuntime } from '#runtime/conmon-runtime';
import { type HostFacts, readHostFacts } from '#runtime/oci-spec/host-facts';
import { SeccompFilters } from '#runtime/oci-spec/seccomp-filters';
import { erofsMissing } from '#snapshot/erofs-probe';
import { layerBlobMigrations } from '#snapshot/layer-blob-table';
import type { LayerFormatName } from '#snapshot/layer-format';
import { OverlaySnapshotter, type OverlaySnapshotterDeps } from '#snapshot/overlay-snapshotter';
import { RebuiltBlobs } from '#snapshot/rebuilt-blobs';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import { ErofsMaker, erofsProgram } from '#store/erofs-maker';
import { JailPool } from '#store/jail-pool';
import { Journal, journalMigrations } from '#store/journal';
import { Leases } from '#store/leases';
import { ProgramJail } from '#store/program-jail';
import { repairHybrid } from '#sys/cgroup';
import { linuxMounts } from '#sys/mount';
import { loadSeccompCompiler } from '#sys/seccomp';
import { BackupSchedules } from '#volume/backup-schedules';
import { ScheduleTable } from '#volume/schedule-table';
import { VolumeService } from '#volume/volume-service';
import { volumeMigrations } from '#volume/volume-table';
import { ENGINE_BUILD } from './build-info.ts';
import { createBuildSources } from './build-sources.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { engineId } from './engine-id.ts';
import { EventLog } from './event-log.ts';
import { findPrograms, type HostPrograms } from './host-programs.ts';
import { createRegistries } from './registries.ts';
import { openStateDatabase } from './state-database.ts';
import { SystemReport } from './system-report.ts';

/** The order matters only where a table refers to another. */
const MIGRATIONS = [
  ...journalMigrations,
  ...snapshotMigrations,
  ...layerBlobMigrations,
  ...imageMigrations,
  ...volumeMigrations,
  ...networkMigrations,
  ...containerMigrations,
  ...buildMigrations,
];

/** Archives of volumes that clients read or send at a time. */
const STREAM_THREADS = 16;
/** Longer than any work takes to notice that it is to stop, if it can. */
const THREADS_END_MS = 3_000;

export interface Services extends AsyncDisposable {
  readonly api: ApiServerDeps;
  readonly builds: BuildService;
  readonly containers: ContainerService;
  readonly networks: NetworkService;
  readonly images: ImageService;
  readonly volumes: VolumeService;
  readonly schedules: BackupSchedules;
  readonly seccomp: SeccompFilters;
  readonly programs: HostPrograms;
}

/** Everything the engine consists of, wired. @throws {EngineError} `unavailable` when the host lacks a program. */
export function createServices(config: DaemonConfig, logger: Logger): Services {
  repairCgroups(logger);
  const host = readHostFacts();
  const programs = findPrograms({ initPath: config.initPath });
  const shared = createShared(config, programs, logger);
  const storage = createStorage(config, shared, () => containers);
  const networks = createNetworks(config, shared, () => containers);
  const seccomp = createSeccomp(config, host, logger);
  const parts = createContainerParts(config, shared);
  const containers: ContainerService = new ContainerService({
    ...storage,
    ...parts,
    ...shared,
    networks,
    host,
    seccomp,
    isSnapshotUsed: key => builds.ownsSnapshot(key),
  });
  const sources = createBuildSources(config, shared);
  const { contexts, adds } = sources;
  const builds: BuildService = new BuildService({
    ...storage,
    ...parts,
    ...shared,
    jail: shared.builds,
    adds,
    networks,
    host,
    seccomp,
    root: config.root,
    runDir: config.runDir,
  });
  const schedules = createSchedules(shared, storage.volumes, containers);
  const system = new SystemReport({
    build: ENGINE_BUILD,
    engineId: engineId(config.root),
    config,
    host,
    programs,
    storageDriver: storage.snapshots.driver,
    plugins: shared.plugins,
  });
  const { events, plugins } = shared;
  return {
    api: { ...storage, builds, contexts, containers, networks, plugins, schedules, system, events, logger },
    ...storage,
    builds,
    containers,
    networks,
    schedules,
    seccomp,
    programs,
    [Symbol.asyncDispose]: async () => {
      sources[Symbol.dispose]();
      await end(parts.runtime, shared, storage);
    },
  };
}

function createShared(config: DaemonConfig, programs: HostPrograms, logger: Logger): Shared {
  const holds = { volumes: 'volumes', containers: 'containers', images: 'content/blobs/sha256' };
  const db = openStateDatabase({ root: config.root, file: 'quai.db', migrations: MIGRATIONS, holds });
  db.migrate(MIGRATIONS, logger);
  db.keepRoom();
  return {
    db,
    jail: new JailPool(),
    intake: new JailPool(), // a slow download holds its thread, and nobody else's
    builds: new JailPool(), // as much at a time as there are processors, beside what containers need
    rebuild: new JailPool({ size: 1 }), // idle work
    streams: new JailPool({ size: STREAM_THREADS }), // clients set their pace: they hold up nobody else
    plugins: new Plugins({ logger, places: config.pluginPlaces }),
    programs,
    events: new EventLog(),
    logger,
  };
}

function createNetworks(
  config: DaemonConfig,
  shared: Shared,
  containers: () => ContainerService,
): NetworkService {
  return new NetworkService({
    ...shared,
    runDir: config.runDir,
    instance: { key: config.instanceKey.slice(0, 4), bridgeName: config.bridgeName },
    faults: faultSwitch(config),
    publishing: {
      defaultHostIp: config.publishDefault === 'loopback' ? '127.0.0.1' : '0.0.0.0',
      firewall: config.firewall,
    },
    resolveContainerName: id => containers().nameOf(id),
    ...config.networks,
    dnsServersOf: id => containers().dnsServersOf(id),
  });
}

function repairCgroups(logger: Logger): void {
  for (const controller of repairHybrid()) {
    logger.info('mounted a control group that crun needs', { controller });
  }
}

function createSchedules(
  { db, logger }: Shared,
  volumes: VolumeService,
  containers: ContainerService,
): BackupSchedules {
  return new BackupSchedules({
    table: new ScheduleTable(db),
    backups: volumes.backups,
    artifacts: volumes.artifacts,
    requireVolume: name => void volumes.get(name),
    withUsersPaused: (volume, work) => containers.withUsersPaused(volume, work),
    logger,
  });
}

/** What still writes first, the database last. */
async function end(
  runtime: Disposable,
  { jail, intake, builds, rebuild, streams, db, logger }: Shared,
  { registries, snapshots, blobs }: Storage,
): Promise<void> {
  runtime[Symbol.dispose]();
  registries[Symbol.dispose]();
  await registries.settled();
  await blobs[Symbol.asyncDispose]();
  const pools = [jail, intake, builds, rebuild, streams].map(pool => pool[Symbol.asyncDispose]());
  try {
    await orAborted(Promise.all(pools), AbortSignal.timeout(THREADS_END_MS));
  } catch (error) {
    if (!isKind(error, 'deadline')) throw error;
    logger.warn('threads wait for a file system that does not answer: the engine ends without them');
  }
  snapshots[Symbol.dispose]();
  db[Symbol.dispose]();
}

type Storage = Pick<ContainerDeps, 'images' | 'volumes'> & {
  readonly snapshots: OverlaySnapshotter;
  readonly registries: RegistryClient;
  readonly blobs: RebuiltBlobs;
};

interface Shared {
  readonly db: Database;
  readonly jail: JailPool;
  readonly intake: JailPool;
  readonly builds: JailPool;
  readonly rebuild: JailPool;
  readonly streams: JailPool;
  readonly plugins: Plugins;
  readonly programs: HostPrograms;
  readonly events: EventLog;
  readonly logger: Logger;
}

function createStorage(config: DaemonConfig, shared: Shared, containers: () => ContainerService): Storage {
  const { root, storageDriver } = config;
  const snapshots = new OverlaySnapshotter({
    ...shared,
    jail: shared.intake,
    root: join(root, 'snapshots'),
    mounts: linuxMounts,
    format: layerFormat(join(root, 'snapshots'), storageDriver, shared.logger),
    ...packing(root, shared),
    onTar: (diffId, { blobDigest, blobBytes, tarBytes }) =>
      blobs.note({ digest: blobDigest, sizeBytes: blobBytes, diffId, tarBytes }),
  });
  const content = new ContentStore({ root: join(root, 'content') });
  const leases = new Leases();
  const blobs = new RebuiltBlobs({ ...shared, jail: shared.rebuild, content, tars: snapshots, leases });
  const registries = createRegistries(config, content, shared.logger);
  const images = new ImageService({
    ...shared,
    content,
    registries,
    blobs,
    leases,
    cleanup: config.cleanup,
    trustPolicy: new TrustPolicy(config.trustPolicy),
    snapshots,
    isUsed: id =>
      containers()
        .usersOfImage(id)
        .map(container => container.id),
    isRunning: id => isAlive(containers().inspect(id).state.status),
  });
  const volumes = new VolumeService({
    ...shared,
    isRunning: id => containers().isRunning(id),
    root: join(root, 'volumes'),
    mounts: linuxMounts,
    registries,
  });
  return { snapshots, images, volumes, registries, blobs };
}

/** Without the programs layers stay as they come. */
function packing(root: string, { rebuild, programs }: Shared): Pick<OverlaySnapshotterDeps, 'packing'> {
  const program = erofsProgram();
  const crun = programs.runtimes.get('crun');
  if (program === undefined || crun === undefined) return {};
  const maker = new ErofsMaker({ program, jail: new ProgramJail({ crun, folder: join(root, 'jails') }) });
  return { packing: { jail: rebuild, make: job => maker.make(job) } };
}

/** @throws {EngineError} `unavailable` when EROFS is asked for and cannot be had. */
function layerFormat(root: string, driver: DaemonConfig['storageDriver'], logger: Logger): LayerFormatName {
  if (driver === 'overlay2') return 'directory';
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const missing = erofsMissing(root, linuxMounts);
  if (missing === undefined) return 'erofs';
  if (driver === 'erofs') {
    throw new EngineError(
      'unavailable',
      `the storage driver erofs does not work here (${missing}): Linux 6.12 or newer mounts EROFS from files; --storage-driver auto or overlay2 works without`,
    );
  }
  logger.info('layers are kept as directories: EROFS cannot be mounted from files', { reason: missing });
  return 'directory';
}

function createSeccomp({ root }: DaemonConfig, host: HostFacts, logger: Logger): SeccompFilters {
  return new SeccompFilters({
    compiler: loadSeccompCompiler(),
    cacheDir: join(root, 'seccomp'),
    host,
    logger,
  });
}

function createContainerParts(
  config: DaemonConfig,
  {
    db,
    programs,
    logger,
  }: { readonly db: Database; readonly programs: HostPrograms; readonly logger: Logger },
): Pick<ContainerDeps, 'table' | 'index' | 'paths' | 'journal' | 'mounts' | 'faults' | 'defaults'> & {
  readonly runtime: ConmonRuntime;
} {
  const table = new ContainerTable(db);
  const paths = new ContainerPaths(config.root, config.runDir);
  mkdirSync(paths.containersDir, { recursive: true, mode: 0o710 });
  mkdirSync(paths.bundlesDir, { recursive: true, mode: 0o700 });
  const runtimes = new Map(
    [...programs.runtimes].map(([name, path]) => [
      name,
      { path, gate: name === 'crun' ? 'crun' : 'runc' } as const,
    ]),
  );
  const faults = faultSwitch(config);
  return {
    table,
    index: new ContainerIndex(table),
    paths,
    journal: new Journal(db),
    runtime: new ConmonRuntime({
      runDir: config.runDir,
      conmon: programs.conmon,
      runtimes,
      faults,
      logger,
    }),
    mounts: linuxMounts,
    faults,
    defaults: {
      runtime: config.defaultRuntime,
      runtimes: [...programs.runtimes.keys()],
      initPath: programs.init,
      pidsLimit: config.defaultPidsLimit,
      logOptions: config.logOptions,
    },
  };
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
