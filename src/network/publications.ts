import { isIPv6 } from 'node:net';
import type { Publication } from './firewall-rules.ts';
import type { PublishedPort } from './network.ts';
import type { ForwardTarget } from './port-forwarder.ts';

/** Where published ports lead. */
export interface PublishTarget {
  readonly ipv4?: { readonly address: string };
  readonly ipv6?: { readonly address: string };
}

/** The ports that the kernel can rewrite: same family on both sides, and not `::1`, which it cannot route. */
export function publicationsOf(ports: readonly PublishedPort[], target: PublishTarget): Publication[] {
  return ports.flatMap(port => {
    const targetIp = (isIPv6(port.hostIp) ? target.ipv6 : target.ipv4)?.address;
    if (targetIp === undefined || port.hostIp === '::1') return [];
    const isWildcard = port.hostIp === '0.0.0.0' || port.hostIp === '::';
    return [
      {
        protocol: port.protocol,
        hostPort: port.hostPort,
        targetIp,
        targetPort: port.containerPort,
        ...(!isWildcard && { hostIp: port.hostIp }),
      },
    ];
  });
}

/** Where the engine itself takes what arrives at a group of ports that share a socket. */
export function forwardTargetOf(
  ports: readonly PublishedPort[],
  target: PublishTarget,
): ForwardTarget | undefined {
  const [first] = ports;
  const prefersIpv6 = ports.some(port => isIPv6(port.hostIp));
  const address = prefersIpv6 ? (target.ipv6 ?? target.ipv4) : (target.ipv4 ?? target.ipv6);
  return first && address && { address: address.address, port: first.containerPort };
}

/**
 * Whether a group needs the engine at all times. TCP ports have it even where the kernel rewrites everything: their
 * sockets listen, so whoever slips past the rules must be answered. UDP ones need it for what the kernel cannot do.
 */
export function needsForwarder(ports: readonly PublishedPort[], target: PublishTarget): boolean {
  const protocol = ports[0]?.protocol;
  if (protocol === 'sctp') return false;
  return protocol === 'tcp' || !target.ipv4 || ports.some(port => isIPv6(port.hostIp));
}
