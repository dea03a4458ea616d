import { isIP } from 'node:net';
import { EngineError } from '#base/errors';

/** Stands for the address under which a container reaches the host. */
export const HOST_GATEWAY = 'host-gateway';

export interface ExtraHost {
  readonly name: string;
  /** an address, or {@link HOST_GATEWAY} */
  readonly address: string;
}

/** `name:address`, `name=address`, IPv6 also in brackets. @throws {EngineError} `invalid` with Docker's wording. */
export function parseExtraHost(text: string): ExtraHost {
  const separator = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
  const name = text.slice(0, Math.max(separator, 0));
  if (!/^[^\s:=#]+$/.test(name)) throw new EngineError('invalid', `bad format for add-host: "${text}"`);
  const value = text.slice(separator + 1);
  const address = value.replace(/^\[(.*)\]$/, '$1');
  if (address !== HOST_GATEWAY && isIP(address) === 0) {
    throw new EngineError('invalid', `invalid IP address in add-host: "${value}"`);
  }
  return { name, address };
}
