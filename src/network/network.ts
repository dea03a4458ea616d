import type { EndpointId, NetworkId } from '#base/ids';

export interface IpamPool {
  /** CIDR */
  readonly subnet: string;
  readonly ipRange?: string;
  readonly gateway?: string;
  readonly auxAddresses?: Readonly<Record<string, string>>;
  /** the name that an IPAM plugin knows it by */
  readonly poolId?: string;
}

export interface Network {
  readonly id: NetworkId;
  readonly name: string;
  /** `bridge`, `host`, `null` (the network called `none`), … */
  readonly driver: string;
  readonly createdAt: number;
  readonly scope: 'local';
  readonly isInternal: boolean;
  readonly isAttachable: boolean;
  /** only lends its settings to others: no container can be on it */
  readonly isConfigOnly: boolean;
  /** name of the network whose settings it has; empty for none */
  readonly configFrom: string;
  readonly hasIpv4: boolean;
  readonly hasIpv6: boolean;
  readonly ipam: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>>;
    readonly pools: readonly IpamPool[];
  };
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NetworkCreateOptions {
  readonly name: string;
  readonly driver?: string;
  readonly isInternal?: boolean;
  readonly isAttachable?: boolean;
  readonly isConfigOnly?: boolean;
  readonly configFrom?: string;
  readonly hasIpv4?: boolean;
  readonly hasIpv6?: boolean;
  readonly pools?: readonly IpamPool[];
  readonly ipamDriver?: string;
  readonly ipamOptions?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** One published port as it is now. `hostIp` is `0.0.0.0`, `::` or an address. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  readonly hostIp: string;
  readonly hostPort: number;
}

/** Who a sandbox belongs to, for names and messages. */
export interface SandboxOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
}

/** A container's attachment to a network. */
export interface Endpoint {
  readonly id: EndpointId;
  readonly networkId: NetworkId;
  readonly networkName: string;
  readonly containerId: string;
  readonly interfaceName: string;
  readonly macAddress: string;
  readonly ipv4?: { readonly address: string; readonly prefixLength: number; readonly gateway?: string };
  readonly ipv6?: { readonly address: string; readonly prefixLength: number; readonly gateway?: string };
  readonly aliases: readonly string[];
  /** what only this container calls others there: `name:alias` */
  readonly links: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ports: readonly PublishedPort[];
}

/** What a container asks for on one network. */
export interface EndpointRequest {
  /** network name, ID or unique ID prefix */
  readonly network: string;
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
  /** more addresses, for the network's own link only */
  readonly linkLocalAddresses?: readonly string[];
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly gatewayPriority: number;
}

/** A port to publish: `hostPort` is one port, the first and last of a range to choose from, or 0 for an ephemeral one. */
export interface PortRequest {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  readonly hostIp: string;
  readonly hostPortFirst: number;
  readonly hostPortLast: number;
}
