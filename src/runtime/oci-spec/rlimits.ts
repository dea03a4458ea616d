import { readFileSync } from 'node:fs';
import { EngineError } from '#base/errors';
import { exactInteger } from '#base/exact-integer';
import type { HostConfig } from '#spec/docker/host-config';
import type { OciInteger, OciProcess } from '#spec/oci/runtime-spec';

/** Names of `--ulimit`; getrlimit(2) */
const NAMES = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/** RLIM_INFINITY */
const UNLIMITED = exactInteger(2n ** 64n - 1n);

type Ulimits = HostConfig['Ulimits'];

/** What systemd gives every service, and Docker a container: many programs still loop over all possible files. */
const OPEN_FILES = { soft: 1024, hard: 524_288 };

let hostDefaults: Ulimits | undefined;

/**
 * Limits of a process: those asked for, and the defaults of the rest.
 *
 * @throws {EngineError} `invalid` for an unknown name, or a soft limit above the hard one.
 */
export function rlimits(ulimits: Ulimits, defaults: Ulimits = defaultUlimits()): OciProcess['rlimits'] {
  const asked = new Set(ulimits.map(({ Name }) => Name.toLowerCase()));
  const rest = defaults.filter(({ Name }) => !asked.has(Name));
  return [...ulimits, ...rest].map(({ Name, Soft, Hard }) => {
    const name = Name.toLowerCase();
    if (!NAMES.has(name)) throw new EngineError('invalid', `invalid ulimit type: ${Name}`);
    if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
      throw new EngineError(
        'invalid',
        `ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`,
      );
    }
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: limitOf(Soft), hard: limitOf(Hard) };
  });
}

/** Node raises its own soft limit of open files to the hard one, which a container would inherit. */
export function defaultUlimits(): Ulimits {
  hostDefaults ??= openFileLimits(readFileSync('/proc/self/limits', 'utf8'));
  return hostDefaults;
}

/** From `/proc/[pid]/limits` (proc(5)). */
export function openFileLimits(limits: string): Ulimits {
  const text = /^Max open files +\S+ +(\d+)/m.exec(limits)?.[1];
  const hard = Math.min(OPEN_FILES.hard, text === undefined ? OPEN_FILES.hard : Number(text));
  return [{ Name: 'nofile', Soft: Math.min(OPEN_FILES.soft, hard), Hard: hard }];
}

function limitOf(value: number): OciInteger {
  return value === -1 ? UNLIMITED : value;
}
