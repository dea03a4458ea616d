import { isIPv6 } from 'node:net';
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

/** Whose input rules judge what comes from outside to a published port. */
export type FirewallMode = 'quai' | 'host';

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
  readonly addresses: readonly FirewallAddress[];
  readonly publications: readonly Publication[];
}

/**
 * Every packet passes some of this, so what most packets need comes first, and those of one family do not walk past the
 * rules of the other.
 *
 * - guard: nobody reaches the host's loopback from outside (we allow routing to it on our bridges, which answers to
 *   127.0.0.1 need: CVE-2020-8558). Before connection tracking: what is dropped leaves no trace there.
 * - bridge: our bridges may be told from other links by their kind, which costs less than a look-up of their name.
 * - origin: a container sends as itself (home), or as what the host would reach through it (a router in a container).
 * - publish: destination rewriting. ::1 cannot be routed, so the engine forwards it. Where the host's own firewall is
 *   to decide, what comes from outside is not rewritten: it goes to the engine's socket, past the host's input rules.
 * - shut: from an internal network nobody opens anything towards the host; neighbours must still find each other.
 * - forward: a connection that was rewritten passed the rules below when it began. Others are looked at with every packet,
 *   so that what somebody opened while our rules were away does not count.
 * - entrance: nobody reaches a container at its own address but through its bridge or from the host, unless its network is
 *   routed, unprotected, or trusts the interface.
 * - inward: into a bridge go answers and what was published; the rest of the world is kept out.
 * - postrouting: what leaves carries the host's address. So does what turns round on its bridge after rewriting,
 *   else the answer would go straight back and not be recognised.
 */
const CHAINS = `
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iif "lo" accept
    meta nfproto ipv6 goto guard6
    ip daddr 127.0.0.0/8 drop
    meta iifkind "bridge" goto guard_bridge4
    ip saddr 127.0.0.0/8 drop
  }
  chain guard_bridge4 {
    ip saddr . iifname @home4 accept
    iifname @bridges jump origin4
    ip saddr 127.0.0.0/8 drop
  }
  chain guard6 {
    meta iifkind "bridge" goto guard_bridge6
  }
  chain guard_bridge6 {
    ip6 saddr . iifname @home6 accept
    iifname @bridges jump origin6
  }
  chain origin4 {
    ip saddr 0.0.0.0 return
    meta nfproto ipv4 fib saddr . iif oif missing drop
  }
  chain origin6 {
    ip6 saddr { ::, fe80::/10 } return
    meta nfproto ipv6 fib saddr . iif oif missing drop
  }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @publish4
    meta nfproto ipv4 fib daddr type local dnat ip to meta l4proto . th dport map @publish4_any
    ip6 daddr ::1 return
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6
    meta nfproto ipv6 fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6_any
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp, sctp } jump publish
  }
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    iifname @internal jump shut
  }
  chain shut {
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct status snat,dnat ct state established,related accept
    ip daddr @containers4 jump entrance4
    ip6 daddr @containers6 jump entrance6
    ct state established,related accept
    iifname . oifname @intra accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges jump inward
  }
  chain entrance4 {
    ct status dnat return
    ip daddr . iifname @home4 return
    ip daddr @routed4 return
    ip daddr @unprotected4 return
    ip daddr . iifname @trusted4 return
    drop
  }
  chain entrance6 {
    ct status dnat return
    ip6 daddr . iifname @home6 return
    ip6 daddr @routed6 return
    ip6 daddr @unprotected6 return
    ip6 daddr . iifname @trusted6 return
    drop
  }
  chain inward {
    ct status dnat accept
    ip daddr . meta l4proto . th dport @open4 accept
    ip6 daddr . meta l4proto . th dport @open6 accept
    ip daddr @unprotected4 accept
    ip6 daddr @unprotected6 accept
    ip daddr @routed4 icmp type echo-request accept
    ip6 daddr @routed6 icmpv6 type echo-request accept
    drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta nfproto ipv6 goto postrouting6
    ip saddr 127.0.0.0/8 goto postrouting_loopback4
    ip saddr . oifname @home4 ct status dnat masquerade
    ip saddr . oifname @home4 return
    ip saddr @routed4 return
    ip saddr @containers4 oifname @bridges masquerade
    snat ip to ip saddr map @source4
    ip saddr @masquerade4 masquerade
  }
  chain postrouting_loopback4 {
    oifname @bridges masquerade
  }
  chain postrouting6 {
    ip6 saddr . oifname @home6 ct status dnat masquerade
    ip6 saddr . oifname @home6 return
    ip6 saddr @routed6 return
    ip6 saddr @containers6 oifname @bridges masquerade
    snat ip6 to ip6 saddr map @source6
    ip6 saddr @masquerade6 masquerade
  }`;

function prerouting(mode: FirewallMode): string {
  return `
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ${mode === 'host' ? 'iifname != @bridges return' : ''}
    meta l4proto { tcp, udp, sctp } jump publish
  }`;
}

/** The whole table, replacing what is there, as one transaction. */
export function renderTable(
  table: string,
  elements: readonly Element[],
  mode: FirewallMode = 'quai',
): string {
  return [
    // Declared first, so that deleting it cannot fail.
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {${renderSets()}${CHAINS}${prerouting(mode)}\n}`,
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
  for (const address of endpoint.addresses) elements.push(...addressElements(address, endpoint.bridge));
  return [...elements, ...endpoint.publications.map(publicationElement)];
}

function addressElements(
  { address, mode, trustedLinks, openPorts }: FirewallAddress,
  bridge: string,
): Element[] {
  const family = familyOf(address);
  const elements: Element[] = [
    { set: `home${family}`, key: `${address} . ${quoted(bridge)}` },
    { set: `containers${family}`, key: address },
  ];
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
