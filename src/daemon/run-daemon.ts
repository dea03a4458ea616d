import { flushCompileCache } from 'node:module';
import type { Logger } from '#base/logger';
import { leaveProcess } from '#sys/leave-process';
import { favorThisThread } from '#sys/thread-priority';
import { type DaemonConfig, DEFAULT_CONFIG, loadDaemonConfig } from './daemon-config.ts';
import { type Engine, startEngine } from './engine.ts';
import { EXIT } from './exit-status.ts';
import { configure, endOnBugs, type Surroundings, startOrLeave } from './foreground.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { ensureOwnFolder } from './own-folder.ts';
import { nameThisProcess } from './process-name.ts';
import type { StopSignals } from './stop-signals.ts';

/** How long running clean-up may take before the engine leaves anyway; the next start finishes it. */
const SHUTDOWN_MS = 8_000;
/** One turn of the event loop is a few milliseconds, and everybody waits for it. */
const ENGINE_NICE = -10;

const ENGINE = { command: 'quai daemon', name: 'engine' };

/** `quai daemon`: the engine in the foreground, until SIGTERM or SIGINT. */
export async function runDaemon(args: readonly string[], signals: StopSignals): Promise<void> {
  const loaded = configure(ENGINE, logFormat =>
    loadDaemonConfig(args, { logFormat, defaultConfig: DEFAULT_CONFIG }),
  );
  if (!loaded) return;
  if (process.getuid?.() !== 0) {
    process.stderr.write('quai daemon: the engine needs root: start it with sudo, or as a system service\n');
    process.exit(EXIT.failed);
  }
  await run(loaded.config, { ...loaded, signals });
}

async function run(config: DaemonConfig, { logger, manager, signals }: Surroundings): Promise<void> {
  endOnBugs(ENGINE, logger);
  process.umask(0o022);
  nameThisProcess('quai');
  if (config.favorsEngine) favorEngine(logger);
  signals.begin();
  const engine = await startOrLeave(ENGINE, { logger, manager }, async () => {
    ensureOwnFolder(config.root);
    return await startEngine(config, logger);
  });
  manager.ready(`Serving ${config.hosts.join(', ')}`);
  new MemoryKeeper(logger); // for as long as the engine lives
  signals.handle(signal => {
    stop(engine, signal, { logger, manager }).then(
      () => {
        manager.status('Stopped');
        leave(0);
      },
      (error: unknown) => {
        logger.error('the engine did not stop cleanly', { error });
        leave(EXIT.failed);
      },
    );
  });
}

/** Containers run on, unless the machine goes down: then they are stopped while there still is a network, and time. */
async function stop(
  engine: Engine,
  signal: NodeJS.Signals,
  { logger, manager }: Pick<Surroundings, 'logger' | 'manager'>,
): Promise<void> {
  if (await manager.isMachineGoingDown()) {
    const limitMs = engine.stopLimitMs;
    logger.info('the engine stops, and its containers with it', { signal, limitMs });
    manager.stopping('Stopping with all containers: the machine goes down');
    manager.extendStop(limitMs);
    using _late = leaveAfter(limitMs, logger);
    await engine.stopContainers();
    manager.extendStop(SHUTDOWN_MS);
  } else {
    logger.info('the engine stops; containers run on', { signal });
    manager.stopping('Stopping; containers run on');
  }
  using _late = leaveAfter(SHUTDOWN_MS, logger);
  await engine.close();
}

/** At once, whatever threads wait for; unless what Node has measured is still to be written. */
function leave(status: number): never {
  const isMeasured = process.execArgv.some(word => word.includes('-prof')) || process.env['NODE_V8_COVERAGE'];
  if (isMeasured) process.exit(status);
  flushCompileCache(); // modules that this start had to compile, for the next one: by itself Node writes them in `process.exit` only
  leaveProcess(status);
}

/** Also from threads that wait for a file server that is away. */
function leaveAfter(limitMs: number, logger: Logger): Disposable {
  const late = setTimeout(() => {
    logger.warn('the engine leaves with work that has not ended: the next start finishes it', { limitMs });
    leaveProcess(0);
  }, limitMs);
  return { [Symbol.dispose]: () => clearTimeout(late) };
}

function favorEngine(logger: Logger): void {
  try {
    favorThisThread(ENGINE_NICE);
  } catch (error) {
    logger.debug('the engine waits its turn for processors like others', { error });
  }
}
