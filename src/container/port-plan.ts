import { isIP } from 'node:net';
import { EngineError } from '#base/errors';
import type { PortRequest } from '#network/network';
import type { HostConfig } from '#spec/docker/host-config';
import { parseContainerPorts, parsePortRange } from './port-spec.ts';

/** numbers a port can have */
const PORTS = 65_536;
/** Each takes an ephemeral port of the host, of which there are some 28,000 for everybody. */
const MOST_EXPOSED = 4096;

/**
 * What to publish: every binding the client named, and with `PublishAllPorts` each exposed port without one.
 * In order of protocol and container port. `hostIp` is empty for both families, as asked for.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function planPorts(
  { ExposedPorts }: { readonly ExposedPorts: readonly string[] },
  { PortBindings, PublishAllPorts }: Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'>,
): PortRequest[] {
  const requests = Object.entries(PortBindings).flatMap(([port, bindings]) =>
    bindings.map(binding => bindingRequest(port, binding)),
  );
  if (PublishAllPorts) requests.push(...exposedRequests(ExposedPorts, requests));
  return requests.sort((a, b) => a.protocol.localeCompare(b.protocol) || a.containerPort - b.containerPort);
}

function bindingRequest(port: string, binding: HostConfig['PortBindings'][string][number]): PortRequest {
  const { first, last, protocol } = parseContainerPorts(port);
  if (first !== last) throw new EngineError('invalid', `invalid port specification: "${port}"`);
  return {
    protocol,
    containerPort: first,
    hostIp: hostAddress(binding.HostIp),
    ...hostPorts(binding.HostPort),
  };
}

/** Empty, or 0: an ephemeral port. */
function hostPorts(text: string): Pick<PortRequest, 'hostPortFirst' | 'hostPortLast'> {
  const range = text === '' ? { first: 0, last: 0 } : parsePortRange(text);
  if (!range || (range.first === 0 && range.last !== 0)) {
    throw new EngineError('invalid', `invalid port specification: "${text}"`);
  }
  return { hostPortFirst: range.first, hostPortLast: range.last };
}

function hostAddress(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, '$1');
  if (address === '' || isIP(address) !== 0) return address;
  throw new EngineError(
    'invalid',
    `invalid IP address: ${text}: an address of this machine is meant, not a name`,
  );
}

function exposedRequests(exposed: readonly string[], bound: readonly PortRequest[]): PortRequest[] {
  const known = { tcp: new Uint8Array(PORTS), udp: new Uint8Array(PORTS), sctp: new Uint8Array(PORTS) };
  for (const { protocol, containerPort } of bound) known[protocol][containerPort] = 1;
  const requests: PortRequest[] = [];
  for (const port of exposed) {
    const { first, last, protocol } = parseContainerPorts(port);
    // An image names as many ranges as it likes, all over each other: only what is new may cost anything.
    for (
      let at = known[protocol].indexOf(0, first);
      at >= 0 && at <= last;
      at = known[protocol].indexOf(0, at)
    ) {
      known[protocol][at] = 1;
      requests.push({ protocol, containerPort: at, hostIp: '', hostPortFirst: 0, hostPortLast: 0 });
    }
    if (requests.length > MOST_EXPOSED) {
      throw new EngineError(
        'invalid',
        `more than ${MOST_EXPOSED} ports are exposed: they cannot all be published, name those you need with --publish`,
      );
    }
  }
  return requests;
}
