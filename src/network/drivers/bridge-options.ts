import { isIPv4 } from 'node:net';
import { notImplemented } from '#base/errors';
import { isLinkName } from '../instance-names.ts';
import { invalidOption, parseFlag, parseInterfacePrefix, parseMtu } from './option-values.ts';

/** Docker's options of the bridge driver (`com.docker.network.…`) that change something here. */
export interface BridgeOptions {
  readonly bridgeName?: string;
  /** containers on the network may talk to each other */
  readonly isOpenWithin: boolean;
  readonly isMasqueraded: boolean;
  /** where ports are published that name no address; absent: on all of them */
  readonly defaultHostIp?: string;
  readonly mtu: number;
  /** start of the interface's name inside the container */
  readonly interfacePrefix: string;
}

const PREFIX = 'com.docker.network.';
const DEFAULT_MTU = 1500;

/** Unknown options are kept and ignored, as Docker does. @throws `invalid` for a value that cannot be. */
export function parseBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const bridgeName = options[`${PREFIX}bridge.name`];
  const defaultHostIp = options[`${PREFIX}bridge.host_binding_ipv4`];
  if (bridgeName !== undefined && !isLinkName(bridgeName)) throw invalid('bridge.name', bridgeName);
  if (defaultHostIp !== undefined && !isIPv4(defaultHostIp))
    throw invalid('bridge.host_binding_ipv4', defaultHostIp);
  for (const family of ['ipv4', 'ipv6']) {
    const mode = options[`${PREFIX}bridge.gateway_mode_${family}`] ?? 'nat';
    if (mode !== 'nat') throw notImplemented(`gateway mode ${mode}`);
  }
  return {
    isOpenWithin: flag(options, 'bridge.enable_icc', true),
    isMasqueraded: flag(options, 'bridge.enable_ip_masquerade', true),
    mtu: parseMtu(options[`${PREFIX}driver.mtu`]) ?? DEFAULT_MTU,
    interfacePrefix: parseInterfacePrefix(options[`${PREFIX}container_iface_prefix`]),
    ...(bridgeName !== undefined && { bridgeName }),
    // Docker's own default, and it publishes on :: as well then.
    ...(defaultHostIp !== undefined && defaultHostIp !== '0.0.0.0' && { defaultHostIp }),
  };
}

function flag(options: Readonly<Record<string, string>>, name: string, fallback: boolean): boolean {
  return parseFlag(PREFIX + name, options[PREFIX + name], fallback);
}

function invalid(name: string, value: string): Error {
  return invalidOption(PREFIX + name, value);
}
