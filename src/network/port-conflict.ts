import { EngineError } from '#base/errors';
import { findPortOwner, type SocketOwner } from '#sys/inet-socket-owner';
import type { PublishedPort } from './network.ts';
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
  if (conflict.range.length > 0) return describeRange(conflict.range, context);
  const prefix = prefixOf(context);
  const binding = `${bracketed(hostIp)}:${hostPort}`;
  const failure = `${prefix}: failed to bind host port for ${binding}:${context.target}/${protocol}`;
  if (conflict.holder !== undefined) {
    const name = holderName(conflict.holder, context);
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

/** As many of a range are told one by one. */
const TOLD = 3;

/** Docker says `all ports are allocated`, and of none which or whose. */
async function describeRange(range: readonly PortConflict[], context: ConflictContext): Promise<EngineError> {
  const ports = range.map(({ port }) => port.hostPort);
  const { hostIp = '', protocol = '' } = range[0]?.port ?? {};
  const told: string[] = [];
  for (const { port, holder } of range.slice(0, TOLD)) {
    told.push(`${port.hostPort} ${await whoHas(port, holder, context)}`);
  }
  const more = range.length > TOLD ? `, and ${range.length - TOLD} more` : '';
  return new EngineError(
    'conflict',
    `${prefixOf(context)}: Bind for ${bracketed(hostIp)}:${Math.min(...ports)}-${Math.max(...ports)}/${protocol} failed: all ports are allocated: ${told.join(', ')}${more}: free one, or publish another range`,
  );
}

async function whoHas(
  { protocol, hostPort }: PublishedPort,
  holder: string | undefined,
  context: ConflictContext,
): Promise<string> {
  if (holder !== undefined) return `by container ${holderName(holder, context)}`;
  const owner = await findPortOwner(protocol, hostPort);
  return owner ? `by process ${owner.pid} (${owner.name})` : 'by another program';
}

function prefixOf({ containerName, endpointId }: ConflictContext): string {
  return `driver failed programming external connectivity on endpoint ${containerName} (${endpointId})`;
}

function holderName(holder: string, { nameOf }: ConflictContext): string {
  return nameOf(holder) ?? holder.slice(0, 12);
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
