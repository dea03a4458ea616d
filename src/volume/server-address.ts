import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { EngineError, messageOf } from '#base/errors';
import type { LocalMount } from './local-options.ts';

/** Finds the address of a host name. Tests pass their own. */
export type ResolveHost = (name: string) => Promise<string>;

const NETWORK_TYPES = /^(nfs|nfs4|cifs|smb3)$/;

export async function resolveHost(name: string): Promise<string> {
  try {
    return (await lookup(name)).address;
  } catch (error) {
    throw new EngineError(
      'unavailable',
      `error resolving passed in network volume address: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * mount(2) knows no names: what mount.nfs and mount.cifs do for it is to give the server as `addr=IP`. A name in
 * `addr=` is resolved; without it, CIFS takes the server from `//server/share` and NFS from `server:/path`.
 *
 * @throws {EngineError} `unavailable` with Docker's wording when the name cannot be resolved.
 */
export async function withServerAddress(
  spec: LocalMount,
  resolve: ResolveHost = resolveHost,
): Promise<LocalMount> {
  if (!NETWORK_TYPES.test(spec.type)) return spec;
  const given = spec.options.find(word => word.startsWith('addr='))?.slice('addr='.length);
  const server = given ?? serverOf(spec);
  if (server === undefined || server === '') return spec;
  const address = isIP(server) === 0 ? await resolve(server) : server;
  const others = spec.options.filter(word => !word.startsWith('addr='));
  return { ...spec, options: [...others, `addr=${address}`] };
}

function serverOf({ type, source }: LocalMount): string | undefined {
  const pattern = type.startsWith('nfs') ? /^(?:\[([^\]]+)\]|([^:/]+)):\// : /^\/\/([^/:]+)(?::\d+)?(?:\/|$)/;
  const match = pattern.exec(source);
  return match?.[1] ?? match?.[2];
}
