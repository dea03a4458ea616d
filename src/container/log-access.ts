import type { Abortable } from '#base/abortable';
import { type LogSettings, logDetails, noLogsError, parseLogConfig } from '#runtime/log/log-config';
import { LogRotator } from '#runtime/log/log-rotator';
import { readLogs } from '#runtime/log/read-logs';
import type { Container, LogRequest } from './container.ts';
import { isAlive } from './container-machine.ts';
import type { ContainerContext } from './context.ts';

/**
 * A container's log as bytes for a client. Following ends with the container's run.
 *
 * @throws {EngineError} `notImplemented` in Docker's words when the log driver keeps nothing to read.
 */
export function containerLogs(
  context: ContainerContext,
  container: Container,
  request: LogRequest,
  { signal }: Abortable = {},
): AsyncIterable<Buffer> {
  const { id, config, hostConfig, state } = container;
  if (settingsOf(context, container).kind === 'none') throw noLogsError();
  const isRunning = isAlive(state.status);
  const ended = isRunning
    ? context.waiters.wait(id, 'not-running', signal ? { signal } : {})
    : Promise.resolve();
  ended.catch(() => undefined); // the client left: the reader hears of it by its own signal
  return readLogs(
    context.paths.log(id),
    {
      ...request,
      isFollowing: request.isFollowing && isRunning,
      isRaw: config.Tty,
      ...(request.hasDetails
        ? { details: logDetails(hostConfig.LogConfig.Config, { labels: config.Labels, env: config.Env }) }
        : {}),
    },
    { ended, ...(signal ? { signal } : {}) },
  );
}

/** Keeps the logs of running containers within their limits. */
export class LogKeeper implements Disposable {
  readonly #context: ContainerContext;
  readonly #rotator: LogRotator;

  constructor(context: ContainerContext) {
    this.#context = context;
    this.#rotator = new LogRotator(context);
  }

  started(container: Container): void {
    const { id } = container;
    const settings = settingsOf(this.#context, container);
    if (settings.kind === 'none') return;
    const paths = this.#context.paths.bundle(id);
    this.#rotator.add(id, {
      path: paths.log,
      maxFiles: settings.maxFiles,
      ...(settings.maxSizeBytes === undefined ? {} : { maxSizeBytes: settings.maxSizeBytes }),
      reopen: () => this.#context.runtime.reopenLog(paths),
    });
  }

  stopped(id: string): void {
    this.#rotator.remove(id);
  }

  [Symbol.dispose](): void {
    this.#rotator[Symbol.dispose]();
  }
}

/** The container's log options over the daemon's. */
export function settingsOf(
  { defaults }: Pick<ContainerContext, 'defaults'>,
  { hostConfig }: Pick<Container, 'hostConfig'>,
): LogSettings {
  const { Type, Config } = hostConfig.LogConfig;
  return parseLogConfig({ Type, Config: Type === 'none' ? Config : { ...defaults.logOptions, ...Config } });
}
