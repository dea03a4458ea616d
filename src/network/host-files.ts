import { HOST_GATEWAY, parseExtraHost } from './extra-host.ts';

/** One linked container, as `/etc/hosts` names it. */
export interface LinkedHost {
  readonly alias: string;
  readonly hostname: string;
  readonly name: string;
  readonly address: string;
}

export interface HostsRequest {
  readonly hostname: string;
  readonly domainname: string;
  /** the container's own, IPv4 and IPv6, in the order of its networks */
  readonly addresses: readonly string[];
  /** whether the container has IPv6 at all */
  readonly hasIpv6: boolean;
  /** as the client gave them: `name:address` */
  readonly extraHosts: readonly string[];
  /** what `host-gateway` stands for */
  readonly hostGateways: readonly string[];
  readonly links: readonly LinkedHost[];
}

const IPV4_LINES = ['127.0.0.1\tlocalhost'];
const IPV6_LINES = [
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** `/etc/hosts` of a container with a network name space of its own; the lines and their order are Docker's. */
export function hostsFile(request: HostsRequest): string {
  const { hostname, domainname, addresses, hasIpv6, links } = request;
  const own = domainname === '' ? hostname : `${hostname}.${domainname} ${hostname}`;
  return lines([
    ...IPV4_LINES,
    ...(hasIpv6 ? IPV6_LINES : []),
    ...links.map(linkLine),
    ...extraLines(request),
    ...addresses.map(address => `${address}\t${own}`),
  ]);
}

/** `/etc/hosts` of a container in the host's network name space: the host's, and what the client adds. */
export function hostsFileOfHost(
  hostContent: string,
  request: Pick<HostsRequest, 'extraHosts' | 'hostGateways'>,
): string {
  return lines([...hostContent.replace(/\n+$/, '').split('\n'), ...extraLines(request)]);
}

/** `/etc/hostname`. */
export function hostnameFile({
  hostname,
  domainname,
}: Pick<HostsRequest, 'hostname' | 'domainname'>): string {
  return domainname === '' ? `${hostname}\n` : `${hostname}.${domainname}\n`;
}

function linkLine({ alias, hostname, name, address }: LinkedHost): string {
  return `${address}\t${[...new Set([alias, hostname, name])].join(' ')}`;
}

function extraLines({
  extraHosts,
  hostGateways,
}: Pick<HostsRequest, 'extraHosts' | 'hostGateways'>): string[] {
  return extraHosts.flatMap(text => {
    const { name, address } = parseExtraHost(text);
    const addresses = address === HOST_GATEWAY ? hostGateways : [address];
    return addresses.map(each => `${each}\t${name}`);
  });
}

function lines(list: readonly string[]): string {
  return list.map(line => `${line}\n`).join('');
}
