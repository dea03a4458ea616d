import { EngineError } from '#base/errors';
import type { HostConfig } from '#spec/docker/host-config';
import type { OciInteger, OciProcess } from '#spec/oci/runtime-spec';
import { exactInteger } from './exact-integer.ts';

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

/** @throws {EngineError} `invalid` for an unknown name, or a soft limit above the hard one. */
export function rlimits(ulimits: HostConfig['Ulimits']): OciProcess['rlimits'] {
  return ulimits.map(({ Name, Soft, Hard }) => {
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

function limitOf(value: number): OciInteger {
  return value === -1 ? UNLIMITED : value;
}
