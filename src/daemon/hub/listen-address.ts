import { BlockList, isIP } from 'node:net';

/** Where the hub listens: an address of this host, and a port. */
export interface ListenAddress {
  /** an IP address; `::` is every address of the host, IPv4 too */
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Reads `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`, or `:5000` for every address of the host; `undefined` for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[(?<six>[^\]]*)\]|(?<four>[^:]*)):(?<port>\d{1,5})$/.exec(text);
  if (!match?.groups) return undefined;
  const port = Number(match.groups['port']);
  if (port < 1 || port > 65_535) return undefined;
  const { six, four } = match.groups;
  if (six !== undefined) return isIP(six) === 6 ? { host: six, port } : undefined;
  if (four === '') return { host: '::', port };
  if (four === 'localhost') return { host: '127.0.0.1', port };
  return four !== undefined && isIP(four) === 4 ? { host: four, port } : undefined;
}

/** Whether only programs of this host get there. */
export function isLoopback({ host }: ListenAddress): boolean {
  return LOOPBACK.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}

/** Whether it stands for every address of the host, so that it is none that others could use. */
export function isAnyAddress({ host }: ListenAddress): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}

/** As in a URL; the port is left out where the scheme has it. */
export function urlOf(scheme: 'http' | 'https', { host, port }: ListenAddress): string {
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return new URL(`${scheme}://${name}:${port}`).origin;
}
