import type { Writable } from 'node:stream';
import type { LogFields, Logger } from '#base/logger';
import type { LogLevel } from './daemon-config.ts';

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** Fields that could hold a secret are dropped here, not by care of the callers. */
const SECRET = /^(authorization|x-registry-auth|x-registry-config|password|passwd|secret|token|env)$/i;

export interface LogWriterOptions {
  readonly format: 'json' | 'human';
  readonly level: LogLevel;
  readonly now?: () => Date;
}

/** Writes log lines, one JSON object or one readable line each. */
export function createLogger(
  out: Writable,
  { format, level, now = () => new Date() }: LogWriterOptions,
): Logger {
  const threshold = ORDER.indexOf(level);
  const line = format === 'json' ? jsonLine : humanLine;
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (ORDER.indexOf(lineLevel) < threshold) return;
      out.write(`${line(now(), lineLevel, message, cleaned(fields))}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function jsonLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...fields });
}

function humanLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const details = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${time.toISOString().slice(11, 23)} ${level.padEnd(5)} ${message}${details.join('')}`;
}

function cleaned(fields: LogFields): LogFields {
  const entries = Object.entries(fields).filter(([key]) => !SECRET.test(key));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value instanceof Error ? describe(value) : value]),
  );
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const parts = error instanceof AggregateError ? `: ${error.errors.map(String).join('; ')}` : '';
  // A bug's place matters more than its wording; the expected errors carry their own words.
  return error.name === 'EngineError' || error.name === 'SysError'
    ? `${error.message}${cause}`
    : `${error.stack ?? error.message}${parts}${cause}`;
}
