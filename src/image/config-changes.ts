import { EngineError } from '#base/errors';
import { expandWord, expandWords, type Variables } from '#spec/dockerfile/expand-word';
import { parseTrigger } from '#spec/dockerfile/parse-dockerfile';
import { splitWords } from '#spec/dockerfile/split-words';
import { writtenHealthcheck } from './healthcheck-change.ts';
import type { WrittenConfig } from './written-config.ts';

type Change = (config: WrittenConfig, rest: string) => void;

const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (config, rest) => {
    config.Cmd = commandOf(rest, config);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = commandOf(rest, config);
  },
  ENV: (config, rest) => {
    const added = pairs('ENV', rest, config);
    const kept = (config.Env ?? []).filter(entry => !added.some(([key]) => entry.startsWith(`${key}=`)));
    config.Env = [...kept, ...added.map(([key, value]) => `${key}=${value}`)];
  },
  EXPOSE: (config, rest) => {
    for (const port of expandWords(rest, variablesOf(config)))
      config.ExposedPorts = { ...config.ExposedPorts, [portKey(port)]: {} };
  },
  LABEL: (config, rest) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs('LABEL', rest, config)) };
  },
  ONBUILD: (config, rest) => {
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  STOPSIGNAL: (config, rest) => {
    config.StopSignal = one('STOPSIGNAL', rest, config);
  },
  USER: (config, rest) => {
    config.User = one('USER', rest, config);
  },
  VOLUME: (config, rest) => {
    for (const path of listOf(rest) ?? words(rest, config))
      config.Volumes = { ...config.Volumes, [path]: {} };
  },
  WORKDIR: (config, rest) => {
    const path = one('WORKDIR', rest, config);
    config.WorkingDir = path.startsWith('/')
      ? path
      : `${(config.WorkingDir ?? '/').replace(/\/$/, '')}/${path}`;
  },
  HEALTHCHECK: (config, rest) => {
    const instruction = parseTrigger(`HEALTHCHECK ${rest}`);
    if (instruction.keyword === 'HEALTHCHECK') config.Healthcheck = writtenHealthcheck(instruction, config);
  },
};

/**
 * Applies the Dockerfile instructions that `docker import --change` and `docker commit --change` take.
 *
 * @throws {EngineError} `invalid`.
 */
export function applyChanges(changes: readonly string[], config: WrittenConfig = {}): WrittenConfig {
  const result = structuredClone(config);
  let hasCommand = false;
  for (const line of changes.flatMap(change => change.split('\n'))) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [, keyword = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
    const change = CHANGES[keyword.toUpperCase()];
    if (!change) throw invalid(`${keyword.toLowerCase()} is not a valid change command`); // Docker's wording
    if (rest === '') throw invalid(`${keyword.toUpperCase()} requires at least one argument`);
    change(result, rest);
    if (change === CHANGES['CMD']) hasCommand = true;
    // As in a Dockerfile: the arguments were for the old one.
    if (change === CHANGES['ENTRYPOINT'] && !hasCommand) delete result.Cmd;
  }
  return result;
}

/** The exec form is a JSON list; anything else is a line for the shell. */
function commandOf(rest: string, { Shell }: WrittenConfig): string[] {
  return listOf(rest) ?? [...(Shell?.length ? Shell : ['/bin/sh', '-c']), rest];
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
function pairs(keyword: string, rest: string, config: WrittenConfig): [string, string][] {
  const [first = ''] = /^\S+/.exec(rest) ?? [];
  const found = words(rest, config);
  if (!first.includes('=') && !found[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+([\s\S]*)$/.exec(rest) ?? [];
    if (value === undefined) throw invalid(`${keyword} must have two arguments`);
    return [[key, words(`"${value.replaceAll('"', '\\"')}"`, config)[0] ?? '']];
  }
  return found.map(word => {
    const equals = word.indexOf('=');
    if (equals <= 0)
      throw invalid(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** With the variables that the configuration sets; what they bring is not split again. */
function words(text: string, config: WrittenConfig): string[] {
  return splitWords(text, '\\').map(word => expandWord(word, variablesOf(config)));
}

function variablesOf({ Env = [] }: WrittenConfig): Variables {
  return name => Env.findLast(entry => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function one(keyword: string, rest: string, config: WrittenConfig): string {
  const [value = '', ...others] = words(rest, config);
  if (others.length > 0) throw invalid(`${keyword} requires exactly one argument`);
  return value;
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
