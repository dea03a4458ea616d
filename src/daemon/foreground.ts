import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { defaultLogFormat } from './default-log-format.ts';
import { EXIT, exitStatusOf, firstError } from './exit-status.ts';
import type { LogFormat, LogLevel } from './log-choices.ts';
import { createLogger } from './log-writer.ts';
import { type ServiceManager, serviceManager } from './service-manager.ts';
import type { StopSignals } from './stop-signals.ts';

/** What a program that serves in the foreground has around it. */
export interface Surroundings {
  readonly logger: Logger;
  readonly manager: ServiceManager;
  readonly signals: StopSignals;
}

/** As users call it (`quai daemon`), and as messages do (`engine`). */
export interface ProgramName {
  readonly command: string;
  readonly name: string;
}

interface LogChoices {
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
}

/**
 * Reads the configuration of a program that serves in the foreground. Leaves with what is wrong with it.
 *
 * @returns nothing where only the usage was asked for, which is printed.
 */
export function configure<Config extends LogChoices>(
  { command, name }: ProgramName,
  load: (logFormat: LogFormat) => Config | { readonly usage: string },
): { readonly config: Config; readonly logger: Logger; readonly manager: ServiceManager } | undefined {
  const logFormat = defaultLogFormat();
  const logger = createLogger(process.stderr, { format: logFormat, level: 'info' });
  const manager = serviceManager({ ...process.env }, logger);
  for (const variable of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete process.env[variable];
  let config: Config | { readonly usage: string };
  try {
    config = load(logFormat);
  } catch (error) {
    manager.status(`Cannot start: ${messageOf(error).split('\n')[0]}`);
    if (logFormat === 'journal') logger.error(`the ${name} cannot start`, { error });
    else process.stderr.write(`${command}: ${messageOf(error)}\n`);
    process.exit(EXIT.wrongConfig);
  }
  if ('usage' in config) {
    process.stdout.on('error', () => {}); // a reader such as `head` that has read enough
    process.stdout.write(`${config.usage}\n`);
    return undefined;
  }
  return {
    config,
    logger: createLogger(process.stderr, { format: config.logFormat, level: config.logLevel }),
    manager,
  };
}

/**
 * A bug must not leave a half-working program: what is committed is on the disk, so it ends, with a status of its own, and is
 * restarted.
 */
export function endOnBugs({ name }: ProgramName, logger: Logger): void {
  process.on('uncaughtException', error => {
    logger.error(`the ${name} ends because of an unexpected error`, { error });
    process.exit(EXIT.softwareBug);
  });
}

/** Starts the program, or leaves with the status that says why it cannot. */
export async function startOrLeave<T>(
  { name }: ProgramName,
  { logger, manager }: Pick<Surroundings, 'logger' | 'manager'>,
  start: () => Promise<T>,
): Promise<T> {
  try {
    manager.status('Starting');
    return await start();
  } catch (error) {
    logger.error(`the ${name} cannot start`, { error });
    const cause = firstError(error);
    manager.status(`Cannot start: ${messageOf(cause)}`);
    process.exit(exitStatusOf(cause));
  }
}
