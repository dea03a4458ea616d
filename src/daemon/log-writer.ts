import type { Writable } from 'node:stream';
import type { LogFields, Logger } from '#base/logger';
import type { LogFormat, LogLevel } from './log-choices.ts';

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** Fields that could hold a secret are dropped here, not by care of the callers. */
const SECRET = /^(authorization|x-registry-auth|x-registry-config|password|passwd|secret|token|env)$/i;
/** Control characters, line ends of Unicode, and what turns the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);
const LONGEST_VALUE = 8192;

export interface LogWriterOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  readonly now?: () => Date;
}

/** Writes log lines, one JSON object or one readable line each. The journal has the time already, and wants a priority. */
export function createLogger(
  out: Writable,
  { format, level, now = () => new Date() }: LogWriterOptions,
): Logger {
  const threshold = ORDER.indexOf(level);
  const line = LINES[format];
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (ORDER.indexOf(lineLevel) < threshold) return;
      out.write(`${line(now(), lineLevel, message, cleaned(fields))}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const LINES = { json: jsonLine, human: humanLine, journal: journalLine } as const;
const PRIORITIES = { debug: 7, info: 6, warn: 4, error: 3 } as const satisfies Record<LogLevel, number>;

function jsonLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  return printable(JSON.stringify({ time: time.toISOString(), level, message, ...fields }));
}

function humanLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  return printable(`${time.toISOString().slice(11, 23)} ${level.padEnd(5)} ${message}${details(fields)}`);
}

/** sd-daemon(3): `<N>` in front of a line is its priority, as syslog(3) counts them. */
function journalLine(_time: Date, level: LogLevel, message: string, fields: LogFields): string {
  return printable(`<${PRIORITIES[level]}>${message}${details(fields)}`);
}

function details(fields: LogFields): string {
  return Object.entries(fields)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
}

function cleaned(fields: LogFields): LogFields {
  const entries = Object.entries(fields).filter(([key]) => !SECRET.test(key));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, bounded(value instanceof Error ? describe(value) : value)]),
  );
}

/** Requests and containers have a say in what is logged; they get no lines, and no say over the terminal, of their own. */
function printable(line: string): string {
  return line.replace(
    UNPRINTABLE,
    character => ESCAPES.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function bounded(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= LONGEST_VALUE) return value;
  return `${value.slice(0, LONGEST_VALUE)}… (${value.length} characters)`;
}

function describe(error: Error): string {
  if (error instanceof SuppressedError) {
    return `${describeAny(error.suppressed)}; and while undoing what was done: ${describeAny(error.error)}`;
  }
  const because = error.cause instanceof Error ? error.cause.message : '';
  const cause = because === '' || error.message.includes(because) ? '' : ` (${because})`;
  const parts = error instanceof AggregateError ? `: ${error.errors.map(String).join('; ')}` : '';
  // A bug's place matters more than its wording; the expected errors carry their own words.
  return error.name === 'EngineError' || error.name === 'SysError'
    ? `${error.message}${cause}`
    : `${error.stack ?? error.message}${parts}${cause}`;
}

function describeAny(value: unknown): string {
  return value instanceof Error ? describe(value) : String(value);
}
