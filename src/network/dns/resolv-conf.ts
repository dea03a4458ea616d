import { isIP } from 'node:net';
import type { UpstreamServer } from './dns-orders.ts';

export interface ResolvRequest {
  /** the host's file, see {@link hostResolvConf} */
  readonly hostContent: string;
  /**
   * `host`: shares the host's name space. `direct`: its own, and asks servers itself. `internal`: asks the engine's
   * resolver, which asks the servers.
   */
  readonly mode: 'host' | 'direct' | 'internal';
  readonly hasIpv6: boolean;
  /** `--dns`, `--dns-search`, `--dns-option`: each replaces what the host has */
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  readonly others: readonly string[];
}

/** Where the engine answers names inside each network name space. */
export const INTERNAL_SERVER = '127.0.0.11';
const SYSTEMD_STUB = '127.0.0.53';
// Docker's, for hosts whose servers a container cannot reach.
const DEFAULT_IPV4_SERVERS = ['8.8.8.8', '8.8.4.4'];
const DEFAULT_IPV6_SERVERS = ['2001:4860:4860::8888', '2001:4860:4860::8844'];

/**
 * The file to go by: where only systemd's stub resolver is named, the one that has the servers behind it
 * (`/run/systemd/resolve/resolv.conf`), if there is one.
 */
export function hostResolvConf(etc: string, systemd: string | undefined): string {
  const { servers } = parse(etc);
  const isStub = servers.length === 1 && servers[0] === SYSTEMD_STUB;
  return isStub && systemd !== undefined && parse(systemd).servers.length > 0 ? systemd : etc;
}

/** `/etc/resolv.conf` of a container, and for `internal` what its resolver is to ask. */
export function resolvConf(request: ResolvRequest): {
  readonly content: string;
  readonly upstreams: readonly UpstreamServer[];
} {
  const host = parse(request.hostContent);
  const wanted: ResolvConf = {
    servers: request.servers.length > 0 ? request.servers : host.servers,
    // `.` means: no search list at all (resolv.conf(5) would take it for the root domain)
    search: request.search.length > 0 ? request.search.filter(domain => domain !== '.') : host.search,
    options: request.options.length > 0 ? request.options : host.options,
    others: host.others,
  };
  if (request.mode === 'host') return { content: print(wanted), upstreams: [] };
  if (request.mode === 'direct') return { content: print(reachable(wanted, request)), upstreams: [] };
  const options = wanted.options.some(option => /^ndots:\d+$/.test(option))
    ? wanted.options
    : [...wanted.options.filter(option => !option.startsWith('ndots')), 'ndots:0'];
  return {
    content: print({ ...wanted, servers: [INTERNAL_SERVER], options }),
    upstreams: upstreamsOf(wanted.servers, request),
  };
}

/** What a container of its own name space can ask. Servers that the client named are taken as they are. */
function reachable(conf: ResolvConf, { servers, hasIpv6 }: ResolvRequest): ResolvConf {
  if (servers.length > 0) return conf;
  const usable = conf.servers.filter(
    server => !isLoopback(server) && !isScoped(server) && (hasIpv6 || isIP(server) === 4),
  );
  return usable.length > 0 ? { ...conf, servers: usable } : { ...conf, servers: defaults(hasIpv6) };
}

function upstreamsOf(all: readonly string[], { servers, hasIpv6 }: ResolvRequest): UpstreamServer[] {
  const isNamed = servers.length > 0;
  const chosen = all.length > 0 ? all : defaults(hasIpv6);
  return chosen.map(address => ({
    address,
    isHostOnly: !isNamed && (isLoopback(address) || isScoped(address) || (isIP(address) === 6 && !hasIpv6)),
  }));
}

function parse(content: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  const others: string[] = [];
  for (const line of content.split('\n')) {
    const [keyword = '', ...values] = line.trim().split(/\s+/);
    if (keyword === '' || /^[#;]/.test(keyword)) continue;
    if (keyword === 'nameserver') {
      const [server = ''] = values;
      if (isIP(server) !== 0) servers.push(server);
    } else if (keyword === 'search' || keyword === 'domain') {
      if (values.length > 0) search = values; // the last one counts, resolv.conf(5)
    } else if (keyword === 'options') options.push(...values);
    else others.push(line);
  }
  return { servers, search, options, others };
}

function print({ servers, search, options, others }: ResolvConf): string {
  const content = [
    ...servers.map(server => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    ...others,
  ];
  return content.map(line => `${line}\n`).join('');
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || /^(0{1,4}:){7}0{0,3}1$/.test(address);
}

/** Only means something on one link of the host. */
function isScoped(address: string): boolean {
  return address.includes('%');
}

function defaults(hasIpv6: boolean): string[] {
  return [...DEFAULT_IPV4_SERVERS, ...(hasIpv6 ? DEFAULT_IPV6_SERVERS : [])];
}
