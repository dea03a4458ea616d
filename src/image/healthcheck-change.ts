import { EngineError } from '#base/errors';
import { goDurationNanos } from '#spec/docker/go-duration';
import type { WrittenHealthcheck } from './written-config.ts';

const DURATIONS = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const;

/** Below this Docker calls it a mistake: the number has a unit too small. */
const LEAST_NANOS = 1_000_000;

/**
 * A `HEALTHCHECK` instruction: `NONE`, or options and `CMD` with a list or a line for the shell.
 *
 * @param listOf the words of a JSON list, `undefined` for what is none
 * @throws {EngineError} `invalid`.
 */
export function healthcheckOf(
  rest: string,
  listOf: (line: string) => string[] | undefined,
): WrittenHealthcheck {
  const { options, line } = split(rest);
  const [, kind = '', command = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
  switch (kind.toUpperCase()) {
    case 'NONE':
      if (command !== '' || options.length > 0) throw invalid('HEALTHCHECK NONE takes no arguments');
      return { Test: ['NONE'] };
    case 'CMD': {
      if (command === '') throw invalid('Missing command after HEALTHCHECK CMD');
      const list = listOf(command);
      return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', command], ...settings(options) };
    }
    default:
      throw invalid(
        kind === ''
          ? 'HEALTHCHECK requires at least one argument'
          : `Unknown type "${kind}" in HEALTHCHECK (try CMD)`,
      );
  }
}

function split(rest: string): {
  readonly options: readonly (readonly [string, string])[];
  readonly line: string;
} {
  const options: (readonly [string, string])[] = [];
  let line = rest.trim();
  for (;;) {
    const [whole, name, value] = /^--([a-z-]+)=(\S*)\s*/.exec(line) ?? [];
    if (whole === undefined || name === undefined || value === undefined) return { options, line };
    options.push([name, value]);
    line = line.slice(whole.length);
  }
}

function settings(options: readonly (readonly [string, string])[]): WrittenHealthcheck {
  const result: WrittenHealthcheck = {};
  for (const [name, value] of options) {
    if (name === 'retries') result.Retries = retries(value);
    else if (name in DURATIONS) result[DURATIONS[name as keyof typeof DURATIONS]] = duration(name, value);
    else
      throw invalid(
        `unknown flag --${name} of HEALTHCHECK: there are ${[...Object.keys(DURATIONS), 'retries'].join(', ')}`,
      );
  }
  return result;
}

function retries(value: string): number {
  if (/^[0-9]{1,9}$/.test(value)) return Number(value);
  throw invalid(`--retries="${value}" of HEALTHCHECK: must be a whole number, 0 or more`);
}

function duration(name: string, value: string): number {
  const nanos = goDurationNanos(value);
  if (nanos === undefined)
    throw invalid(`--${name}="${value}" of HEALTHCHECK: must be a duration such as 30s or 1m30s`);
  if (nanos !== 0 && nanos < LEAST_NANOS) throw invalid(`Interval "${value}" cannot be less than 1ms`);
  return nanos;
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
