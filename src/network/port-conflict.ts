import { EngineError } from '#base/errors';
import { findPortOwner, type SocketOwner } from '#sys/inet-socket-owner';
import type { PortConflict } from './port-book.ts';

export interface ConflictContext {
  readonly containerName: string;
  readonly endpointId: string;
  /** where the port would have led, `address:port` */
  readonly target: string;
  /** undefined when the container is not known (any more) */
  readonly nameOf: (containerId: string) => string | undefined;
}

/**
 * Says who has a port, in Docker's words (moby libnetwork/portmapper, daemon/libnetwork/sandbox.go) with what helps
 * added behind. Takes tens of milliseconds when it has to look through all processes.
 */
export async function describeConflict(
  conflict: PortConflict,
  context: ConflictContext,
): Promise<EngineError> {
  const { hostIp, hostPort, protocol } = conflict.port;
  const prefix = `driver failed programming external connectivity on endpoint ${context.containerName} (${context.endpointId})`;
  const binding = `${bracketed(hostIp)}:${hostPort}`;
  const failure = `${prefix}: failed to bind host port for ${binding}:${context.target}/${protocol}`;
  if (conflict.holder !== undefined) {
    const name = context.nameOf(conflict.holder) ?? conflict.holder.slice(0, 12);
    return new EngineError(
      'conflict',
      `${prefix}: Bind for ${binding} failed: port is already allocated by container ${name}: stop it, or publish another port`,
    );
  }
  if (conflict.code === 'EADDRNOTAVAIL') {
    const hint = `${hostIp} is not an address of this host`;
    return new EngineError('invalid', `${failure}: cannot assign requested address: ${hint}`);
  }
  if (conflict.code !== 'EADDRINUSE') {
    return new EngineError(
      conflict.code === 'EINVAL' ? 'invalid' : 'internal',
      `${failure}: ${conflict.code}`,
    );
  }
  const owner = await findPortOwner(protocol, hostPort);
  const who = owner
    ? ownerText(owner)
    : `another program has it: \`ss -lnp sport = :${hostPort}\` may name it`;
  return new EngineError('conflict', `${failure}: address already in use: ${who}`);
}

/** Another engine is not to be stopped for a port of one of its containers. */
function ownerText({ pid, name, words }: SocketOwner): string {
  return words.some(word => word.endsWith('/src/daemon/main.ts'))
    ? `another Quai engine (process ${pid}) has it, for one of its containers: publish another port`
    : `process ${pid} (${name}) has it: stop that, or publish another port`;
}

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}
