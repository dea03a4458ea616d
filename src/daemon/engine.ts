import { createApiServer } from '#api/api-server';
import type { Logger } from '#base/logger';
import type { HttpServer } from '#http/http-server';
import { FavoredCgroupMoves } from '#sys/favored-cgroup-moves';
import { linuxMounts } from '#sys/mount';
import { ENGINE_BUILD } from './build-info.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { lockRoot, lockRunDir } from './engine-lock.ts';
import { watchEventLoop } from './loop-watch.ts';
import { writePidFile } from './pid-file.ts';
import { ensureRunDir, releaseRunDir } from './run-dir.ts';
import { createServices } from './services.ts';
import { listenOnUnixSocket, refuseUsedSocket, removeSocketFile } from './socket-listener.ts';

export interface Engine {
  /** Stops serving. Containers run on; clean-up under way is finished. */
  close(): Promise<void>;
  /** Stops serving, and all containers, because the machine goes down. To be followed by {@link close}. */
  stopContainers(): Promise<void>;
  /** How long that takes at most. */
  readonly stopLimitMs: number;
}

/**
 * Puts the engine together, makes it agree with what is left from its last life, and listens.
 *
 * @throws {EngineError} `conflict` when another engine uses the same root or socket, `unavailable` when the host lacks something.
 */
export async function startEngine(config: DaemonConfig, logger: Logger): Promise<Engine> {
  await using undo = new AsyncDisposableStack();
  undo.use(lockRoot(config.root));
  for (const host of config.hosts) await refuseUsedSocket(socketPath(host)); // before anything is changed
  ensureRunDir(config.runDir, linuxMounts, logger);
  let isIdle = (): boolean => false; // until the database has told, containers may run
  undo.defer(() => {
    if (isIdle()) releaseRunDir(config.runDir, linuxMounts);
  });
  undo.use(lockRunDir(config.runDir));
  if (config.logLevel === 'debug') undo.use(watchEventLoop(logger));
  if (config.pidFile !== undefined) undo.use(writePidFile(config.pidFile));
  const cgroupMoves = undo.use(new FavoredCgroupMoves());
  const services = undo.use(createServices(config, logger));
  const { builds, containers, networks, images, volumes } = services;
  undo.defer(() => networks.shutdown()); // also when the rest of the start fails
  const known = await containers.restore();
  isIdle = () => containers.counts().running + containers.counts().paused === 0;
  await builds.restore();
  await volumes.restore(known);
  await networks.restore(known.running);
  undo.use(images.startCleaning());
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
    if (config.favorsCgroupMoves) favor(cgroupMoves, logger);
    services.schedules.start();
    images.sweep();
    await Promise.all([services.programs.readVersions(), services.seccomp.prewarm()]);
    logger.debug('caught up with the last life');
  })().catch((error: unknown) => logger.error('cannot catch up with the last life', { error }));
  const owned = undo.move();
  return {
    get stopLimitMs() {
      return containers.shutdownLimitMs;
    },
    stopContainers: async () => {
      await builds.close();
      await server.close();
      await catchUp; // it starts what is to run
      await containers.stopForShutdown();
    },
    close: async () => {
      await builds.close(); // a client would wait for its build
      await server.close();
      await containers.close();
      await catchUp;
      await services.schedules.close();
      await Promise.all([images.settled(), volumes.settled()]);
      await owned.disposeAsync();
    },
  };
}

function favor(cgroupMoves: FavoredCgroupMoves, logger: Logger): void {
  try {
    cgroupMoves.begin();
  } catch (error) {
    logger.debug('moves between control groups wait, as this kernel cannot favor them', { error });
  }
}

async function listen(
  server: HttpServer,
  host: string,
  group: string,
  undo: AsyncDisposableStack,
): Promise<void> {
  const path = socketPath(host);
  await listenOnUnixSocket(server.server, path, group);
  undo.defer(() => removeSocketFile(path));
}

function socketPath(host: string): string {
  return host.slice('unix://'.length);
}
