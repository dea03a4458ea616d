import { isIPv6 } from 'node:net';
import { type ChainOptions, renderChains } from './firewall-chains.ts';
import { type Element, renderSets } from './firewall-sets.ts';

/** What the firewall knows of a bridge network. */
export interface FirewallNetwork {
  readonly bridge: string;
  /** CIDR */
  readonly subnets: readonly string[];
  readonly isInternal: boolean;
  /** families in which what leaves carries the host's address */
  readonly masqueraded: readonly (4 | 6)[];
  /** which of the host's; the one the kernel chooses unless given */
  readonly sourceAddress: { readonly 4?: string; readonly 6?: string };
  readonly isOpenWithin: boolean;
}

/** A port of a container's own. */
export interface OpenPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
}

/** One address of an endpoint, and who reaches it directly besides its bridge and the host. */
export interface FirewallAddress {
  readonly address: string;
  /** `routed`: everybody, at `openPorts`; `nat-unprotected`: everybody, at any port; else nobody */
  readonly mode: 'nat' | 'nat-unprotected' | 'routed' | 'isolated';
  /** interfaces whose neighbours reach `openPorts` whatever the mode */
  readonly trustedLinks: readonly string[];
  readonly openPorts: readonly OpenPort[];
}

/** One port of the host that leads to a container; `hostIp` absent means every address of the host. */
export interface Publication {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostIp?: string;
  readonly hostPort: number;
  readonly targetIp: string;
  readonly targetPort: number;
}

/** What the firewall knows of an endpoint. */
export interface FirewallEndpoint {
  readonly bridge: string;
  /** its index, where it is known; a container is known by it sooner than by the bridge's name, otherwise nothing depends on it */
  readonly bridgeIndex?: number;
  readonly addresses: readonly FirewallAddress[];
  /** what it may send as besides, on its own link */
  readonly linkLocal?: readonly string[];
  readonly publications: readonly Publication[];
}

/** The whole table, replacing what is there, as one transaction. */
export function renderTable(table: string, elements: readonly Element[], options: ChainOptions): string {
  return [
    // Declared first, so that deleting it cannot fail.
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {${renderSets()}${renderChains(options)}\n}`,
    renderAdd(table, elements),
  ].join('\n');
}

export function renderAdd(table: string, elements: readonly Element[]): string {
  return bySet(elements)
    .map(([set, members]) => {
      const list = members.map(({ key, value }) => (value === undefined ? key : `${key} : ${value}`));
      return `add element inet ${table} ${set} { ${list.join(', ')} }\n`;
    })
    .join('');
}

export function renderRemove(table: string, elements: readonly Element[]): string {
  return bySet(elements)
    .map(([set, members]) => {
      const list = members.map(({ key }) => key);
      return `delete element inet ${table} ${set} { ${list.join(', ')} }\n`;
    })
    .join('');
}

/** Removes the table, happy to find none. */
export function renderNoTable(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

export function networkElements(network: FirewallNetwork): Element[] {
  const name = quoted(network.bridge);
  const elements: Element[] = [{ set: 'bridges', key: name }];
  if (network.isInternal) elements.push({ set: 'internal', key: name });
  if (network.isOpenWithin) elements.push({ set: 'intra', key: `${name} . ${name}` });
  if (network.isInternal) return elements;
  for (const subnet of network.subnets) {
    const family = familyOf(subnet);
    const source = network.sourceAddress[family];
    if (!network.masqueraded.includes(family)) continue;
    elements.push({ set: `masquerade${family}`, key: subnet });
    if (source !== undefined) elements.push({ set: `source${family}`, key: subnet, value: source });
  }
  return elements;
}

export function endpointElements(endpoint: FirewallEndpoint): Element[] {
  const elements: Element[] = [];
  for (const address of endpoint.addresses) elements.push(...addressElements(address, endpoint));
  for (const address of endpoint.linkLocal ?? [])
    elements.push({ set: `home${familyOf(address)}`, key: `${address} . ${quoted(endpoint.bridge)}` });
  return [...elements, ...endpoint.publications.map(publicationElement)];
}

function addressElements(
  { address, mode, trustedLinks, openPorts }: FirewallAddress,
  { bridge, bridgeIndex }: FirewallEndpoint,
): Element[] {
  const family = familyOf(address);
  const elements: Element[] = [
    { set: `home${family}`, key: `${address} . ${quoted(bridge)}` },
    { set: `containers${family}`, key: address },
  ];
  if (bridgeIndex !== undefined) {
    elements.push({ set: `plugged${family}`, key: `${bridgeIndex} . ${address}` });
  }
  if (mode === 'routed') elements.push({ set: `routed${family}`, key: address });
  if (mode === 'nat-unprotected') elements.push({ set: `unprotected${family}`, key: address });
  for (const link of trustedLinks) {
    elements.push({ set: `trusted${family}`, key: `${address} . ${quoted(link)}` });
  }
  const ports = new Set(openPorts.map(({ protocol, containerPort }) => `${protocol} . ${containerPort}`));
  for (const port of ports) elements.push({ set: `open${family}`, key: `${address} . ${port}` });
  return elements;
}

function publicationElement({ protocol, hostIp, hostPort, targetIp, targetPort }: Publication): Element {
  const family = familyOf(targetIp);
  const port = `${protocol} . ${hostPort}`;
  return {
    set: hostIp === undefined ? `publish${family}_any` : `publish${family}`,
    key: hostIp === undefined ? port : `${hostIp} . ${port}`,
    value: `${targetIp} . ${targetPort}`,
  };
}

function familyOf(addressOrSubnet: string): 4 | 6 {
  return isIPv6(addressOrSubnet.split('/')[0] ?? '') ? 6 : 4;
}

function quoted(name: string): string {
  return `"${name}"`;
}

function bySet(elements: readonly Element[]): [string, Element[]][] {
  const groups = new Map<string, Element[]>();
  for (const element of elements) {
    const group = groups.get(element.set);
    if (group) group.push(element);
    else groups.set(element.set, [element]);
  }
  return [...groups];
}
