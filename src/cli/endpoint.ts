import type { HttpTarget } from '#client/http-transport';
import { CliError } from './cli-error.ts';
import type { Env } from './env.ts';

export const DEFAULT_HOST = 'unix:///run/quai.sock';

export interface HostChoice {
  readonly url: string;
  /** Who said so, for messages. */
  readonly source: '--host' | 'QUAI_HOST' | 'DOCKER_HOST' | 'default';
}

/** `--host`, else `QUAI_HOST`, else `DOCKER_HOST`, else our own socket. */
export function chooseHost(flag: readonly string[], env: Env): HostChoice {
  const [url, ...others] = flag;
  if (others.length > 0) throw new CliError('specify only one -H');
  if (url !== undefined) return { url: normalHost(url), source: '--host' };
  if (env['QUAI_HOST']) return { url: normalHost(env['QUAI_HOST']), source: 'QUAI_HOST' };
  if (env['DOCKER_HOST']) return { url: normalHost(env['DOCKER_HOST']), source: 'DOCKER_HOST' };
  return { url: DEFAULT_HOST, source: 'default' };
}

/** @throws {CliError} for an address that we cannot reach engines at. */
export function targetOf({ url, source }: HostChoice): HttpTarget {
  if (url.startsWith('unix://')) return { socketPath: url.slice('unix://'.length) };
  const tcp = /^(?:tcp|http):\/\/(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(url);
  if (tcp) return { host: tcp[1] ?? tcp[2] ?? '', port: Number(tcp[3] ?? 2375) };
  const hint = url.startsWith('ssh://')
    ? '; forward the socket instead: ssh -nNT -L /tmp/quai.sock:/run/quai.sock HOST, then -H unix:///tmp/quai.sock'
    : '; use unix:///path/to.sock or tcp://HOST:PORT';
  throw new CliError(`not implemented: ${source} "${url}"${hint}`);
}

function normalHost(text: string): string {
  const url = text.trim();
  if (url.startsWith('/')) return `unix://${url}`;
  return url.includes('://') ? url : `tcp://${url}`;
}
