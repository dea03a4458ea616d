import { parseByteSize } from '#base/byte-size';
import { EngineError } from '#base/errors';
import { LinearPattern } from '#base/linear-pattern';
import type { HostConfig } from '#spec/docker/host-config';

/** How a container's output is kept. */
export type LogSettings =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'file';
      /** the name the user chose, for inspect */
      readonly driver: string;
      /** absent: no limit */
      readonly maxSizeBytes?: number;
      /** the current file counts */
      readonly maxFiles: number;
    };

/** Logs never fill a disk by default. */
const DEFAULT_MAX_SIZE_BYTES = 10_000_000;
const DEFAULT_MAX_FILES = 5;
const LARGEST_MAX_FILES = 1000;

/** All are kept in the same way here; clients know them by these names. */
const FILE_DRIVERS = new Set(['json-file', 'local', 'k8s-file']);
/** `compress` is accepted and has no effect: rotated files stay plain, so that reading them stays fast. */
const OPTIONS = new Set([
  'max-size',
  'max-file',
  'compress',
  'mode',
  'max-buffer-size',
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'tag',
]);
/** @throws {EngineError} `invalid` with Docker's wording for an unknown driver or option. */
export function parseLogConfig({ Type, Config }: HostConfig['LogConfig']): LogSettings {
  if (Type === 'none') return { kind: 'none' };
  const driver = Type || 'json-file';
  if (!FILE_DRIVERS.has(driver)) {
    throw invalid(`error looking up logging plugin ${driver}: plugin "${driver}" not found`);
  }
  const unknown = Object.keys(Config).find(name => !OPTIONS.has(name));
  if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for ${driver} log driver`);
  const maxSizeBytes = parseSize(Config['max-size']);
  return {
    kind: 'file',
    driver,
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
    maxFiles: parseCount(Config['max-file']),
  };
}

/** For a container without logs, as the API answers. */
export function noLogsError(): EngineError {
  return new EngineError('notImplemented', 'configured logging driver does not support reading');
}

/**
 * What `--details` shows: the labels, variables and tag the log options name, as Docker writes them.
 *
 * @returns `key=value,…`, percent-encoded and sorted; empty when nothing is named.
 */
export function logDetails(
  options: Readonly<Record<string, string>>,
  container: { readonly labels: Readonly<Record<string, string>>; readonly env: readonly string[] },
): string {
  const env = Object.fromEntries(container.env.map(entry => splitVariable(entry)));
  const details = {
    ...pick(container.labels, options['labels'], options['labels-regex']),
    ...pick(env, options['env'], options['env-regex']),
    ...(options['tag'] && { tag: options['tag'] }),
  };
  return Object.entries(details)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${escape(key)}=${escape(value)}`)
    .join(',');
}

function pick(
  all: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): Readonly<Record<string, string>> {
  const wanted = new Set((names ?? '').split(',').filter(Boolean));
  const regex = compile(pattern);
  return Object.fromEntries(Object.entries(all).filter(([key]) => wanted.has(key) || regex?.test(key)));
}

function compile(pattern: string | undefined): LinearPattern | undefined {
  if (!pattern) return undefined;
  const compiled = LinearPattern.parse(pattern);
  if (!compiled) throw new EngineError('invalid', `invalid log opt regex ${JSON.stringify(pattern)}`);
  return compiled;
}

/** Go's `url.QueryEscape` */
function escape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function splitVariable(entry: string): readonly [string, string] {
  const at = entry.indexOf('=');
  return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

/** Docker's decimal units: `10m` is ten million; `-1` is no limit. */
function parseSize(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_MAX_SIZE_BYTES;
  if (text === '-1') return undefined;
  const bytes = parseByteSize(text, { base: 1000 });
  if (bytes === undefined) throw invalid(`invalid size: '${text}'`);
  if (bytes <= 0) throw invalid(`invalid max-size '${text}': must be larger than 0`);
  return bytes;
}

function parseCount(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MAX_FILES;
  const count = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(count)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (count < 1) throw invalid('max-file cannot be less than 1');
  if (count > LARGEST_MAX_FILES) throw invalid(`max-file cannot be more than ${LARGEST_MAX_FILES}`);
  return count;
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
