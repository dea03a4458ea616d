import { isIP, isIPv4 } from 'node:net';
import { EngineError } from '#base/errors';
import { isLinkName } from '../instance-names.ts';
import { invalidOption, LINK_NAMES, parseFlag, parseInterfacePrefix, parseMtu } from './option-values.ts';

/**
 * What a bridge is for one family: `nat` rewrites and lets in what is published; `nat-unprotected` lets in everything
 * besides; `routed` rewrites nothing and lets in what is published, to the container's own address; `isolated` leaves
 * the host out of an internal network.
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';
const GATEWAY_MODES: readonly GatewayMode[] = ['nat', 'nat-unprotected', 'routed', 'isolated'];

/** Docker's options of the bridge driver (`com.docker.network.…`) that change something here. */
export interface BridgeOptions {
  readonly bridgeName?: string;
  /** containers on the network may talk to each other */
  readonly isOpenWithin: boolean;
  readonly isMasqueraded: boolean;
  /** where ports are published that name no address; `0.0.0.0` is everywhere; absent: as the engine is told */
  readonly defaultHostIp?: string;
  readonly mtu: number;
  /** start of the interface's name inside the container */
  readonly interfacePrefix: string;
  readonly gatewayMode: Readonly<Record<4 | 6, GatewayMode>>;
  /** the bridge has no IPv4 address, so that another router can have it */
  readonly isWithoutIpv4: boolean;
  /** interfaces of the host from which published ports are reached at the container's own address */
  readonly trustedLinks: readonly string[];
  /** what leaves carries this address of the host instead of the one the kernel would choose */
  readonly sourceAddress: { readonly 4?: string; readonly 6?: string };
}

const PREFIX = 'com.docker.network.';
const DEFAULT_MTU = 1500;
const TRUSTED_MAX = 64;

/** Parsed once per network: whatever is asked of all networks would parse a thousand of them. */
const known = new WeakMap<Readonly<Record<string, string>>, BridgeOptions>();

/** Unknown options are kept and ignored, as Docker does. @throws `invalid` for a value that cannot be. */
export function parseBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const parsed = known.get(options) ?? parse(options);
  known.set(options, parsed);
  return parsed;
}

function parse(options: Readonly<Record<string, string>>): BridgeOptions {
  const bridgeName = options[`${PREFIX}bridge.name`];
  const defaultHostIp = options[`${PREFIX}bridge.host_binding_ipv4`];
  if (bridgeName !== undefined && !isLinkName(bridgeName))
    throw invalid('bridge.name', bridgeName, LINK_NAMES);
  if (defaultHostIp !== undefined && !isIPv4(defaultHostIp))
    throw invalid('bridge.host_binding_ipv4', defaultHostIp, 'use an IPv4 address of this host');
  return {
    isOpenWithin: flag(options, 'bridge.enable_icc', true),
    isMasqueraded: flag(options, 'bridge.enable_ip_masquerade', true),
    mtu: parseMtu(options[`${PREFIX}driver.mtu`]) ?? DEFAULT_MTU,
    interfacePrefix: parseInterfacePrefix(options[`${PREFIX}container_iface_prefix`]),
    gatewayMode: { 4: gatewayMode(options, 4), 6: gatewayMode(options, 6) },
    isWithoutIpv4: flag(options, 'bridge.inhibit_ipv4', false),
    trustedLinks: trustedLinks(options[`${PREFIX}bridge.trusted_host_interfaces`]),
    sourceAddress: { ...sourceAddress(options, 4), ...sourceAddress(options, 6) },
    ...(bridgeName !== undefined && { bridgeName }),
    ...(defaultHostIp !== undefined && { defaultHostIp }),
  };
}

/** Judges options together with the rest of a network. @throws `invalid` */
export function checkBridge(network: {
  readonly options: Readonly<Record<string, string>>;
  readonly isInternal: boolean;
}): void {
  const { gatewayMode: modes } = parseBridgeOptions(network.options);
  for (const family of [4, 6] as const) {
    if (modes[family] === 'isolated' && !network.isInternal) {
      throw new EngineError(
        'invalid',
        `gateway mode 'isolated' can only be used for an internal network: add --internal, or take another gateway_mode_ipv${family}`,
      );
    }
  }
}

function gatewayMode(options: Readonly<Record<string, string>>, family: 4 | 6): GatewayMode {
  const name = `bridge.gateway_mode_ipv${family}`;
  const value = options[PREFIX + name] || 'nat';
  const mode = GATEWAY_MODES.find(each => each === value);
  if (mode === undefined) throw invalid(name, value, `use ${GATEWAY_MODES.join(', ')}`);
  return mode;
}

function trustedLinks(value: string | undefined): string[] {
  const names = (value ?? '').split(':').filter(name => name !== '');
  const isFine = names.length <= TRUSTED_MAX && names.every(isLinkName);
  if (!isFine) {
    throw invalid(
      'bridge.trusted_host_interfaces',
      value ?? '',
      'use names of interfaces with ":" between them',
    );
  }
  return [...new Set(names)];
}

function sourceAddress(
  options: Readonly<Record<string, string>>,
  family: 4 | 6,
): { readonly [family]?: string } {
  const name = `host_ipv${family}`;
  const value = options[PREFIX + name];
  if (value === undefined || value === '') return {};
  if (isIP(value) !== family) throw invalid(name, value, `use an IPv${family} address of this host`);
  return { [family]: value };
}

function flag(options: Readonly<Record<string, string>>, name: string, fallback: boolean): boolean {
  return parseFlag(PREFIX + name, options[PREFIX + name], fallback);
}

function invalid(name: string, value: string, use: string): Error {
  return invalidOption(PREFIX + name, value, use);
}
