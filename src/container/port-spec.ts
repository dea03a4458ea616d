import { EngineError } from '#base/errors';
import type { PortRequest } from '#network/network';

export type Protocol = PortRequest['protocol'];

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const HIGHEST_PORT = 65_535;

/** `80`, `80/tcp`, `8000-8010/udp`: ports of a container. @throws {EngineError} `invalid` with Docker's wording. */
export function parseContainerPorts(text: string): PortRange & { readonly protocol: Protocol } {
  const [ports = '', protocol = '', ...rest] = text.split('/');
  const range = parsePortRange(ports);
  if (!range || range.first === 0 || rest.length > 0) {
    throw new EngineError('invalid', `invalid port specification: "${text}"`);
  }
  return { ...range, protocol: parseProtocol(protocol || 'tcp') };
}

/** A port or `first-last`; `undefined` when it is neither. */
export function parsePortRange(text: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= HIGHEST_PORT ? { first, last } : undefined;
}

function parseProtocol(text: string): Protocol {
  const protocol = text.toLowerCase();
  if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') return protocol;
  throw new EngineError('invalid', `Invalid proto: ${text}`);
}
