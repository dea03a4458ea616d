import { flushCompileCache } from 'node:module';
import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { trimMemory } from '#sys/trim-memory';
import { type DaemonConfig, loadDaemonConfig } from './daemon-config.ts';
import { type Engine, startEngine } from './engine.ts';
import { createLogger } from './log-writer.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { ensureOwnFolder } from './own-folder.ts';

/** By then even a slow machine has done what follows a start. */
const SETTLE_MS = 3_000;

/** How long running clean-up may take before the engine leaves anyway; the next start finishes it. */
const SHUTDOWN_MS = 8_000;

/** `quai daemon`: the engine in the foreground, until SIGTERM or SIGINT. */
export async function main(args: readonly string[]): Promise<void> {
  let config: ReturnType<typeof loadDaemonConfig>;
  try {
    config = loadDaemonConfig(args, process.stderr.isTTY);
  } catch (error) {
    fail(messageOf(error));
  }
  if ('usage' in config) {
    process.stdout.write(`${config.usage}\n`);
    return;
  }
  if (process.getuid?.() !== 0) fail('the engine needs root: start it with sudo, or as a system service');
  await run(config);
}

async function run(config: DaemonConfig): Promise<void> {
  const logger = createLogger(process.stderr, { format: config.logFormat, level: config.logLevel });
  // A bug must not leave a half-working engine: state is journaled and containers do not depend on it, so it ends and is restarted.
  process.on('uncaughtException', error => {
    logger.error('the engine ends because of an unexpected error', { error });
    process.exit(70);
  });
  process.umask(0o022);
  let engine: Engine;
  try {
    ensureOwnFolder(config.root);
    engine = await startEngine(config, logger);
  } catch (error) {
    logger.error('the engine cannot start', { error });
    process.exit(isKind(error, 'conflict') ? 75 : 1);
  }
  setTimeout(settle, SETTLE_MS, logger).unref();
  const stop = (signal: NodeJS.Signals): void => {
    logger.info('the engine stops; containers run on', { signal });
    const late = setTimeout(() => process.exit(0), SHUTDOWN_MS);
    engine.close().then(
      () => {
        clearTimeout(late);
        process.exit(0);
      },
      (error: unknown) => {
        logger.error('the engine did not stop cleanly', { error });
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.on('SIGHUP', () => undefined); // a closed terminal does not end the engine
}

/** Once the start is over: the next one finds its modules compiled, and this one gives back what only it needed. */
function settle(logger: Logger): void {
  flushCompileCache();
  trimMemory();
  new MemoryKeeper(logger); // for as long as the engine lives
  logger.debug('settled', { memoryBytes: process.memoryUsage.rss() });
}

function fail(message: string): never {
  process.stderr.write(`quai daemon: ${message}\n`);
  process.exit(1);
}

if (import.meta.main) await main(process.argv.slice(2));
