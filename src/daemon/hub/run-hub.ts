import { flushCompileCache } from 'node:module';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { defaultLogFormat } from '../default-log-format.ts';
import { EXIT, exitStatusOf, firstError } from '../exit-status.ts';
import { createLogger } from '../log-writer.ts';
import { nameThisProcess } from '../process-name.ts';
import { type ServiceManager, serviceManager } from '../service-manager.ts';
import type { StopSignals } from '../stop-signals.ts';
import { DEFAULT_HUB_CONFIG, type HubConfig, loadHubConfig } from './hub-config.ts';
import { type RunningHub, startHub } from './start-hub.ts';

/** How long answers under way may take once it stops; clients try again. */
const SHUTDOWN_MS = 8_000;

/** `quai hub serve`: the hub in the foreground, until SIGTERM or SIGINT. */
export async function runHub(args: readonly string[], signals: StopSignals): Promise<void> {
  const logFormat = defaultLogFormat();
  let logger = createLogger(process.stderr, { format: logFormat, level: 'info' });
  const manager = serviceManager({ ...process.env }, logger);
  let config: ReturnType<typeof loadHubConfig>;
  try {
    config = loadHubConfig(args, { logFormat, defaultConfig: DEFAULT_HUB_CONFIG });
  } catch (error) {
    manager.status(`Cannot start: ${messageOf(error).split('\n')[0]}`);
    if (logFormat === 'journal') logger.error('the hub cannot start', { error });
    else process.stderr.write(`quai hub serve: ${messageOf(error)}\n`);
    process.exit(EXIT.wrongConfig);
  }
  if ('usage' in config) {
    process.stdout.on('error', () => {}); // a reader such as `head` that has read enough
    process.stdout.write(`${config.usage}\n`);
    return;
  }
  logger = createLogger(process.stderr, { format: config.logFormat, level: config.logLevel });
  await run(config, { logger, manager, signals });
}

interface Surroundings {
  readonly logger: Logger;
  readonly manager: ServiceManager;
  readonly signals: StopSignals;
}

async function run(config: HubConfig, { logger, manager, signals }: Surroundings): Promise<void> {
  // A bug must not leave a half-working hub: what is committed is on the disk, so it ends and is restarted.
  process.on('uncaughtException', error => {
    logger.error('the hub ends because of an unexpected error', { error });
    process.exit(EXIT.softwareBug);
  });
  process.umask(0o077);
  nameThisProcess('quai-hub');
  signals.begin();
  let hub: RunningHub;
  try {
    manager.status('Starting');
    hub = await startHub(config, logger);
  } catch (error) {
    const cause = firstError(error);
    manager.status(`Cannot start: ${messageOf(cause)}`);
    logger.error('the hub cannot start', { error });
    process.exit(exitStatusOf(cause));
  }
  manager.ready(`Serving ${hub.publicUrl}`);
  process.on('SIGHUP', () => hub.reload());
  flushCompileCache(); // modules that this start had to compile, for the next one
  signals.handle(signal => {
    logger.info('the hub stops', { signal });
    manager.stopping('Stopping');
    void stop(hub, logger);
  });
}

async function stop(hub: RunningHub, logger: Logger): Promise<never> {
  setTimeout(() => {
    logger.warn('the hub leaves with work that has not ended: clients try again', { limitMs: SHUTDOWN_MS });
    process.exit(0);
  }, SHUTDOWN_MS).unref();
  try {
    await hub.close();
  } catch (error) {
    logger.error('the hub did not stop cleanly', { error });
    process.exit(EXIT.failed);
  }
  process.exit(0);
}
