import type { QueryValue } from '#client/api-client';
import { parseName } from '#spec/reference';
import { CliError, endingWithOne, UsageError } from '../cli-error.ts';
import type { Flag } from '../command.ts';
import type { Env } from '../env.ts';
import { invalidArgument } from '../flag-parser.ts';
import { parsePlatform } from '../platform.ts';
import { pairs } from '../run/env-files.ts';
import { extraHost } from '../run/host-options.ts';
import { readUlimits } from '../run/resources.ts';
import { type BuildFlags, buildFlags } from './build-flags.ts';

/** What is there to do instead. */
const INSTEAD: Readonly<Partial<Record<keyof BuildFlags, string>>> = {
  push: 'build with -t NAME, then: quai push NAME',
  output: 'the image is kept by the engine; quai save or quai cp get it out',
  'cache-to': 'the engine keeps the cache by itself',
  check: 'warnings come with each build',
  squash: 'build, then: quai image squash --from BASE -t NAME IMAGE',
  ssh: 'a key can be given by --secret',
};

const NOT_HERE = [
  'allow',
  'annotation',
  'attest',
  'build-context',
  'cache-to',
  'call',
  'check',
  'metadata-file',
  'output',
  'push',
  'ssh',
] as const;

/** @throws {CliError} for what no engine of this kind does. */
export function refuseMissing(flags: BuildFlags, given: ReadonlySet<string>): void {
  for (const name of NOT_HERE) {
    if (!given.has(name)) continue;
    const instead = INSTEAD[name];
    throw new CliError(`not implemented: --${name}${instead === undefined ? '' : `; ${instead}`}`);
  }
  for (const name of ['provenance', 'sbom'] as const) {
    // what scripts write so that nothing is added
    if (given.has(name) && !/^(false|0)$/.test(flags[name])) throw new CliError(`not implemented: --${name}`);
  }
}

/** The parameters of `POST /build`. Like Docker's client it leaves out what is as the engine has it anyway. */
export function buildQuery(flags: BuildFlags, env: Env): Record<string, QueryValue> {
  const ulimits = endingWithOne(() => readUlimits(flags.ulimit));
  return {
    t: flags.tag.filter(tag => tag !== '').map(checkedTag),
    q: flags.quiet || undefined,
    nocache: flags['no-cache'] || undefined,
    pull: flags.pull || undefined,
    rm: flags.rm ? undefined : '0',
    forcerm: flags['force-rm'] || undefined,
    squash: flags.squash || undefined,
    isolation: flags.isolation === 'default' ? undefined : said(flags.isolation),
    extrahosts: endingWithOne(() => flags['add-host'].map(extraHost)),
    securityopt: flags['security-opt'],
    buildargs: json(buildArgs(flags['build-arg'], env)),
    labels: json(pairs(flags.label.map(checkedLabel))),
    cachefrom: flags['cache-from'].length > 0 ? JSON.stringify(flags['cache-from']) : undefined,
    ulimits: ulimits.length > 0 ? JSON.stringify(ulimits) : undefined,
    memory: number(flags.memory),
    memswap: number(flags['memory-swap']),
    shmsize: number(flags['shm-size']),
    cpushares: number(flags['cpu-shares']),
    cpuperiod: number(flags['cpu-period']),
    cpuquota: number(flags['cpu-quota']),
    cpusetcpus: said(flags['cpuset-cpus']),
    cpusetmems: said(flags['cpuset-mems']),
    cgroupparent: said(flags['cgroup-parent']),
    networkmode: said(flags.network),
    target: said(flags.target),
    platform: flags.platform === '' ? undefined : platformText(flags.platform),
    version: '1',
  };
}

function platformText(text: string): string {
  if (text.includes(','))
    throw new CliError('not implemented: --platform with several; build one after the other');
  const { os, architecture, variant } = parsePlatform(text);
  return [os, architecture, variant].filter(Boolean).join('/');
}

function said(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function number(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

function json(map: Readonly<Record<string, string | null>>): string | undefined {
  return Object.keys(map).length > 0 ? JSON.stringify(map) : undefined;
}

/** `NAME` alone takes the caller's value; when the caller has none, the Dockerfile's default holds. */
function buildArgs(list: readonly string[], env: Env): Record<string, string | null> {
  return Object.fromEntries(
    list.map(text => {
      const at = text.indexOf('=');
      if (at === 0 || text === '') throw invalid('build-arg', text, `invalid environment variable: ${text}`);
      return at < 0 ? [text, env[text] ?? null] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function checkedTag(tag: string): string {
  try {
    parseName(tag);
    return tag;
  } catch (error) {
    throw invalid('tag', tag, error instanceof Error ? error.message : 'invalid reference format');
  }
}

function checkedLabel(label: string): string {
  if (label.startsWith('=')) throw invalid('label', label, `invalid label '${label}': empty name`);
  return label;
}

function invalid(name: 'build-arg' | 'label' | 'tag', value: string, reason: string): UsageError {
  const flag: Flag = buildFlags[name];
  return new UsageError(invalidArgument(name, flag, value, reason));
}
