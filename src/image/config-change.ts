import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import { signalNumber } from '#spec/docker/signal-number';
import type { Command, StageInstruction, Word } from '#spec/dockerfile/instructions';
import { portKeys } from './exposed-ports.ts';
import { writtenHealthcheck } from './healthcheck-change.ts';
import type { WrittenConfig, WrittenHealthcheck } from './written-config.ts';

/** Instructions that change the configuration and no file. */
export type MetadataInstruction = Exclude<
  StageInstruction,
  { readonly keyword: 'RUN' | 'COPY' | 'ADD' | 'WORKDIR' | 'ARG' }
>;

export interface ConfigChange {
  readonly config: WrittenConfig;
  /** as the history tells it */
  readonly createdBy: string;
  readonly author?: string;
}

/** What variables mean where the instruction stands. */
export interface Expander {
  expand(word: Word): string;
  expandAll(word: Word): string[];
}

export interface MetadataContext {
  readonly scope: Expander;
  /** CMD or ENTRYPOINT of this Dockerfile, not of its base image, came before in this stage */
  readonly seen: { hasCommand: boolean };
}

export const DEFAULT_SHELL = ['/bin/sh', '-c'];
const MAX_ENV_BYTES = 128 * 1024;

/** @throws {EngineError} `invalid`. */
export function changeConfig(
  config: WrittenConfig,
  instruction: MetadataInstruction,
  { scope, seen }: MetadataContext,
): ConfigChange {
  switch (instruction.keyword) {
    case 'ENV':
    case 'LABEL':
    case 'EXPOSE':
    case 'VOLUME':
      return addToConfig(config, instruction, scope);
    case 'USER': {
      const User = scope.expand(instruction.user);
      return { config: { ...config, User }, createdBy: `USER ${User}` };
    }
    case 'STOPSIGNAL': {
      const StopSignal = scope.expand(instruction.signal);
      signalNumber(StopSignal); // as Docker: one that is none is found out here, not when the container is to stop
      return { config: { ...config, StopSignal }, createdBy: `STOPSIGNAL ${StopSignal}` };
    }
    case 'MAINTAINER':
      return { config, createdBy: `MAINTAINER ${instruction.maintainer}`, author: instruction.maintainer };
    case 'ONBUILD': {
      const OnBuild = [...(config.OnBuild ?? []), instruction.trigger];
      return { config: { ...config, OnBuild }, createdBy: `ONBUILD ${instruction.trigger}` };
    }
    case 'SHELL': {
      const createdBy = `SHELL [${instruction.args.join(' ')}]`;
      return { config: { ...config, Shell: [...instruction.args] }, createdBy };
    }
    case 'CMD':
    case 'ENTRYPOINT':
    case 'HEALTHCHECK':
      return changeCommand(config, instruction, seen);
  }
}

type OfKeyword<K extends MetadataInstruction['keyword']> = Extract<
  MetadataInstruction,
  { readonly keyword: K }
>;

function addToConfig(
  config: WrittenConfig,
  instruction: OfKeyword<'ENV' | 'LABEL' | 'EXPOSE' | 'VOLUME'>,
  scope: Expander,
): ConfigChange {
  switch (instruction.keyword) {
    case 'ENV': {
      const pairs = instruction.pairs.map(({ key, value }) => `${scope.expand(key)}=${scope.expand(value)}`);
      const Env = withEnv(config.Env ?? [], pairs);
      return { config: { ...config, Env }, createdBy: `ENV ${pairs.join(' ')}` };
    }
    case 'LABEL': {
      const pairs = instruction.pairs.map(
        ({ key, value }) => [scope.expand(key), scope.expand(value)] as const,
      );
      const createdBy = `LABEL ${pairs.map(([key, value]) => `${key}=${value}`).join(' ')}`;
      const Labels = { ...config.Labels, ...Object.fromEntries(pairs) };
      return { config: { ...config, Labels }, createdBy };
    }
    case 'EXPOSE': {
      const ports = instruction.ports.flatMap(word => scope.expandAll(word)).flatMap(portKeys);
      const ExposedPorts = { ...config.ExposedPorts, ...setOf(ports) };
      return { config: { ...config, ExposedPorts }, createdBy: `EXPOSE ${goMap(ports)}` };
    }
    case 'VOLUME': {
      const paths = instruction.paths.map(word => scope.expand(word).trim());
      if (paths.includes('')) {
        throw new EngineError('invalid', 'VOLUME specified can not be an empty string'); // Docker's wording
      }
      const Volumes = { ...config.Volumes, ...setOf(paths) };
      return { config: { ...config, Volumes }, createdBy: `VOLUME [${paths.join(' ')}]` };
    }
  }
}

function changeCommand(
  config: WrittenConfig,
  instruction: OfKeyword<'CMD' | 'ENTRYPOINT' | 'HEALTHCHECK'>,
  seen: MetadataContext['seen'],
): ConfigChange {
  switch (instruction.keyword) {
    case 'CMD': {
      seen.hasCommand = true;
      const Cmd = words(instruction.command, config);
      return { config: { ...config, Cmd }, createdBy: `CMD ${JSON.stringify(Cmd)}` };
    }
    case 'ENTRYPOINT': {
      const Entrypoint = words(instruction.command, config);
      const { Cmd, ...rest } = config;
      // What the base image runs is no argument of another program.
      const kept = seen.hasCommand && Cmd ? { Cmd } : {};
      const createdBy = `ENTRYPOINT ${JSON.stringify(Entrypoint)}`;
      return { config: { ...rest, ...kept, Entrypoint }, createdBy };
    }
    case 'HEALTHCHECK': {
      const Healthcheck = writtenHealthcheck(instruction, config);
      return { config: { ...config, Healthcheck }, createdBy: `HEALTHCHECK ${goHealthcheck(Healthcheck)}` };
    }
  }
}

/** In the place that a variable has already. */
export function withEnv(env: readonly string[], pairs: readonly string[]): string[] {
  const result = [...env];
  for (const pair of pairs) {
    if (Buffer.byteLength(pair) > MAX_ENV_BYTES || pair.includes('\0')) {
      throw new EngineError(
        'invalid',
        `ENV: the value of ${pair.slice(0, pair.indexOf('='))} cannot be in an environment`,
      );
    }
    const name = pair.slice(0, pair.indexOf('=') + 1);
    const at = result.findIndex(each => each.startsWith(name));
    if (at < 0) result.push(pair);
    else result[at] = pair;
  }
  return result;
}

/** Where WORKDIR leads: relative paths go on from where it was. */
export function workingDirectory(before: string | undefined, path: string): string {
  return posix.resolve('/', before ?? '/', path);
}

function words(command: Command, { Shell }: WrittenConfig): string[] {
  if (command.form === 'exec') return [...command.args];
  return [...(Shell ?? DEFAULT_SHELL), command.text];
}

function setOf(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map(key => [key, {}]));
}

/** As Go prints such a map, which is what tools expect in a history. */
function goMap(keys: readonly string[]): string {
  return `map[${keys.map(key => `${key}:{}`).join(' ')}]`;
}

function goHealthcheck({
  Test = [],
  Interval = 0,
  Timeout = 0,
  StartPeriod = 0,
  StartInterval = 0,
  Retries = 0,
}: WrittenHealthcheck): string {
  const test = Test.map(word => JSON.stringify(word)).join(' ');
  const times = [Interval, Timeout, StartPeriod, StartInterval].map(nanos => JSON.stringify(seconds(nanos)));
  return `&{[${test}] ${times.join(' ')} '${String.fromCodePoint(Retries)}'}`;
}

function seconds(nanos: number): string {
  return nanos === 0 ? '0s' : `${nanos / 1e9}s`;
}
