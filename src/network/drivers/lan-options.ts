import { EngineError } from '#base/errors';
import {
  IPVLAN_FLAGS,
  IPVLAN_MODES,
  type IpvlanFlag,
  type IpvlanMode,
  MACVLAN_MODES,
  type MacvlanMode,
  type UpperKind,
} from '#sys/netlink/link-requests';
import { isLinkName } from '../instance-names.ts';
import { parseFlag, parseInterfacePrefix, parseMtu } from './option-values.ts';

export type LanKind = 'macvlan' | 'ipvlan';

/** Docker's options of the macvlan and ipvlan drivers, and one of our own. */
export interface LanOptions {
  /** interface of the host that containers stand on; absent: a wire that leads nowhere */
  readonly parent: string | undefined;
  readonly upper: Exclude<UpperKind, { kind: 'vlan' }>;
  /** as given; absent: the parent's */
  readonly mtu: number | undefined;
  readonly interfacePrefix: string;
  /** the host reaches the containers: they and their parent cannot talk by themselves */
  readonly hasHostAccess: boolean;
}

/** Lets the host and the containers of a macvlan network talk (`-o quai.host_access=true`). */
const HOST_ACCESS = 'quai.host_access';

/** Unknown options are kept and ignored, as Docker does. @throws `invalid` for a value that cannot be. */
export function parseLanOptions(kind: LanKind, options: Readonly<Record<string, string>>): LanOptions {
  const parent = options['parent'] || undefined;
  if (parent !== undefined && (!isLinkName(parent) || parent === 'lo')) {
    throw new EngineError(
      'invalid',
      `${JSON.stringify(parent)} cannot be the parent interface of a ${kind} network`,
    );
  }
  const upper = upperOf(kind, options);
  const hasHostAccess = parseFlag(HOST_ACCESS, options[HOST_ACCESS], false);
  const canReachHost = upper.kind === 'macvlan' && upper.mode === 'bridge' && parent !== undefined;
  if (hasHostAccess && !canReachHost) {
    throw new EngineError(
      'invalid',
      `${HOST_ACCESS} needs a macvlan network with a parent, in mode bridge: it gives the host an interface beside the containers'`,
    );
  }
  return {
    parent,
    upper,
    hasHostAccess,
    mtu: parseMtu(options['com.docker.network.driver.mtu']),
    interfacePrefix: parseInterfacePrefix(options['com.docker.network.container_iface_prefix']),
  };
}

/** `eth0.50`: VLAN 50 of eth0. @returns undefined for other names. */
export function parseVlanName(name: string): { readonly base: string; readonly vlanId: number } | undefined {
  const [, base = '', digits = ''] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  const vlanId = Number(digits);
  return base !== '' && vlanId >= 1 && vlanId <= 4094 ? { base, vlanId } : undefined;
}

function upperOf(kind: LanKind, options: Readonly<Record<string, string>>): LanOptions['upper'] {
  if (kind === 'macvlan') {
    return { kind, mode: one<MacvlanMode>('macvlan_mode', options['macvlan_mode'], MACVLAN_MODES, 'bridge') };
  }
  return {
    kind,
    mode: one<IpvlanMode>('ipvlan_mode', options['ipvlan_mode'], IPVLAN_MODES, 'l2'),
    flag: one<IpvlanFlag>('ipvlan_flag', options['ipvlan_flag'], IPVLAN_FLAGS, 'bridge'),
  };
}

function one<K extends string>(
  name: string,
  value: string | undefined,
  known: Readonly<Record<K, number>>,
  fallback: K,
): K {
  if (value === undefined || value === '') return fallback;
  // The keys of a record typed by K are K's.
  const names = Object.keys(known) as K[];
  const found = names.find(each => each === value);
  if (found !== undefined) return found;
  throw new EngineError(
    'invalid',
    `requested ${name.replace('_', ' ')} '${value}' is not valid: use ${names.join(', ')}`,
  );
}
