import { flushCompileCache } from 'node:module';
import type { Logger } from '#base/logger';
import { EXIT } from '../exit-status.ts';
import { configure, endOnBugs, type Surroundings, startOrLeave } from '../foreground.ts';
import { nameThisProcess } from '../process-name.ts';
import type { StopSignals } from '../stop-signals.ts';
import { DEFAULT_HUB_CONFIG, type HubConfig, loadHubConfig } from './hub-config.ts';
import { type RunningHub, startHub } from './start-hub.ts';

/** How long answers under way may take once it stops; clients try again. */
const SHUTDOWN_MS = 8_000;

const HUB = { command: 'quai hub serve', name: 'hub' };

/** `quai hub serve`: the hub in the foreground, until SIGTERM or SIGINT. */
export async function runHub(args: readonly string[], signals: StopSignals): Promise<void> {
  const loaded = configure(HUB, logFormat =>
    loadHubConfig(args, { logFormat, defaultConfig: DEFAULT_HUB_CONFIG }),
  );
  if (loaded) await run(loaded.config, { ...loaded, signals });
}

async function run(config: HubConfig, { logger, manager, signals }: Surroundings): Promise<void> {
  endOnBugs(HUB, logger);
  process.umask(0o077);
  nameThisProcess('quai-hub');
  signals.begin();
  const hub = await startOrLeave(HUB, { logger, manager }, () => startHub(config, logger));
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
