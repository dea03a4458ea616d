import { isIPv4 } from 'node:net';
import { EngineError, notImplemented } from '#base/errors';
import { isLinkName } from '../instance-names.ts';

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
/** IPv4 needs 68 (RFC 791), the kernel takes no more than this for bridges and veths. */
const MTU_RANGE = { min: 68, max: 65_535 };
const DEFAULT_MTU = 1500;

/** Unknown options are kept and ignored, as Docker does. @throws `invalid` for a value that cannot be. */
export function parseBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const bridgeName = options[`${PREFIX}bridge.name`];
  const defaultHostIp = options[`${PREFIX}bridge.host_binding_ipv4`];
  const interfacePrefix = options[`${PREFIX}container_iface_prefix`] ?? 'eth';
  if (bridgeName !== undefined && !isLinkName(bridgeName)) throw invalid('bridge.name', bridgeName);
  if (defaultHostIp !== undefined && !isIPv4(defaultHostIp))
    throw invalid('bridge.host_binding_ipv4', defaultHostIp);
  if (!isLinkName(`${interfacePrefix}99`)) throw invalid('container_iface_prefix', interfacePrefix);
  for (const family of ['ipv4', 'ipv6']) {
    const mode = options[`${PREFIX}bridge.gateway_mode_${family}`] ?? 'nat';
    if (mode !== 'nat') throw notImplemented(`gateway mode ${mode}`);
  }
  return {
    isOpenWithin: flag(options, 'bridge.enable_icc', true),
    isMasqueraded: flag(options, 'bridge.enable_ip_masquerade', true),
    mtu: mtu(options[`${PREFIX}driver.mtu`]),
    interfacePrefix,
    ...(bridgeName !== undefined && { bridgeName }),
    // Docker's own default, and it publishes on :: as well then.
    ...(defaultHostIp !== undefined && defaultHostIp !== '0.0.0.0' && { defaultHostIp }),
  };
}

function flag(options: Readonly<Record<string, string>>, name: string, fallback: boolean): boolean {
  const value = options[PREFIX + name];
  if (value === undefined) return fallback;
  // What Go's strconv.ParseBool takes.
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw invalid(name, value);
}

function mtu(value: string | undefined): number {
  if (value === undefined || value === '0') return DEFAULT_MTU;
  const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= MTU_RANGE.min && number <= MTU_RANGE.max) return number;
  throw invalid('driver.mtu', value);
}

function invalid(name: string, value: string): EngineError {
  return new EngineError(
    'invalid',
    `invalid value ${JSON.stringify(value)} for network option ${PREFIX}${name}`,
  );
}
