import { EngineError } from '#base/errors';

/** The `config` member of an image configuration, as written: only what is set. */
export interface WrittenConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  OnBuild?: string[];
  Healthcheck?: { Test: string[] };
}

type Change = (config: WrittenConfig, rest: string) => void;

const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (config, rest) => {
    config.Cmd = commandOf(rest);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = commandOf(rest);
  },
  ENV: (config, rest) => {
    const added = pairs('ENV', rest);
    const kept = (config.Env ?? []).filter(entry => !added.some(([key]) => entry.startsWith(`${key}=`)));
    config.Env = [...kept, ...added.map(([key, value]) => `${key}=${value}`)];
  },
  EXPOSE: (config, rest) => {
    for (const port of words(rest)) config.ExposedPorts = { ...config.ExposedPorts, [portKey(port)]: {} };
  },
  LABEL: (config, rest) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs('LABEL', rest)) };
  },
  ONBUILD: (config, rest) => {
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  STOPSIGNAL: (config, rest) => {
    config.StopSignal = one('STOPSIGNAL', rest);
  },
  USER: (config, rest) => {
    config.User = one('USER', rest);
  },
  VOLUME: (config, rest) => {
    for (const path of listOf(rest) ?? words(rest)) config.Volumes = { ...config.Volumes, [path]: {} };
  },
  WORKDIR: (config, rest) => {
    config.WorkingDir = rest.startsWith('/')
      ? rest
      : `${(config.WorkingDir ?? '/').replace(/\/$/, '')}/${rest}`;
  },
  HEALTHCHECK: (config, rest) => {
    if (rest.toUpperCase() !== 'NONE') throw invalid('only HEALTHCHECK NONE can be given as a change');
    config.Healthcheck = { Test: ['NONE'] };
  },
};

/**
 * Applies the Dockerfile instructions that `docker import --change` and `docker commit --change` take.
 *
 * @throws {EngineError} `invalid`.
 */
export function applyChanges(changes: readonly string[], config: WrittenConfig = {}): WrittenConfig {
  const result = structuredClone(config);
  for (const line of changes.flatMap(change => change.split('\n'))) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [, keyword = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
    const change = CHANGES[keyword.toUpperCase()];
    if (!change) throw invalid(`${keyword.toLowerCase()} is not a valid change command`); // Docker's wording
    if (rest === '') throw invalid(`${keyword.toUpperCase()} requires at least one argument`);
    change(result, rest);
  }
  return result;
}

/** The exec form is a JSON list; anything else is a line for the shell. */
function commandOf(rest: string): string[] {
  return listOf(rest) ?? ['/bin/sh', '-c', rest];
}

function listOf(rest: string): string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value;
  } catch {
    // Not JSON: then it is a shell command that begins with a bracket, as in a Dockerfile.
  }
  return undefined;
}

/** `KEY=value "K 2"=v`, or the old `KEY the rest`. */
function pairs(keyword: string, rest: string): [string, string][] {
  const found = words(rest);
  if (!found[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+([\s\S]*)$/.exec(rest) ?? [];
    if (value === undefined) throw invalid(`${keyword} must have two arguments`);
    return [[key, value]];
  }
  return found.map(word => {
    const equals = word.indexOf('=');
    if (equals <= 0)
      throw invalid(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** Splits at blanks; quotes and backslashes keep them, and are taken off. */
function words(text: string): string[] {
  const result: string[] = [];
  for (const [match] of text.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g)) {
    result.push(
      match.replace(
        /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g,
        (_, double?: string, single?: string, escaped?: string) =>
          double === undefined ? (single ?? escaped ?? '') : double.replace(/\\(["\\$])/g, '$1'),
      ),
    );
  }
  return result;
}

function one(keyword: string, rest: string): string {
  if (/\s/.test(rest)) throw invalid(`${keyword} requires exactly one argument`);
  return rest;
}

function portKey(port: string): string {
  const [, number = '', protocol = 'tcp'] =
    /^([0-9]{1,5}(?:-[0-9]{1,5})?)(?:\/(tcp|udp|sctp))?$/i.exec(port) ?? [];
  if (number === '') throw invalid(`invalid containerPort: ${port}`);
  return `${number}/${protocol.toLowerCase()}`;
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
