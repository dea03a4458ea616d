/** Fields of a log line, by their API names: `container`, `image`, `network`, `volume`, `request`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log. `info` is for operators: life cycle and decisions. `error` may be any thrown value. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
