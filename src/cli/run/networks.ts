import { isIP } from 'node:net';
import { CliError } from '../cli-error.ts';
import type { CreateBody } from './create-body.ts';
import type { CreateOptions } from './create-flags.ts';
import { csvFields, cutPair } from './csv.ts';
import { invalidOption } from './invalid-option.ts';

type Endpoint = NonNullable<
  NonNullable<NonNullable<CreateBody['NetworkingConfig']>['EndpointsConfig']>[string]
>;

export interface NetworkOptions {
  readonly mode: string;
  /** Also in the container's own configuration, where engines before API 1.44 look for it. */
  readonly macAddress: string;
  readonly config: { readonly EndpointsConfig?: Record<string, Endpoint> };
}

interface Attachment {
  target: string;
  aliases: readonly string[];
  links: readonly string[];
  linkLocalIps: readonly string[];
  driverOpts: Record<string, string>;
  ip: string;
  ip6: string;
  mac: string;
  priority: number;
}

type NetworkFlags = Pick<
  CreateOptions,
  'network' | 'net' | 'network-alias' | 'net-alias' | 'link' | 'link-local-ip' | 'ip' | 'ip6' | 'mac-address'
>;

/** `--network` in both forms. Address and alias options on their own belong to the first network. */
export function readNetworks(flags: NetworkFlags): NetworkOptions {
  const texts = [...flags.network, ...flags.net];
  const attachments = texts.map(parseNetwork);
  const first = attachments[0] ?? attachment('default');
  applySingleOptions(first, flags);
  checkTogether(attachments);
  const endpoints: Record<string, Endpoint> = {};
  for (const one of attachments.length > 0 ? attachments : [first]) {
    const endpoint = toEndpoint(one);
    if (Object.hasOwn(endpoints, one.target)) {
      throw new CliError(`network "${one.target}" is specified multiple times`, 125);
    }
    if (attachments.length > 1 || Object.keys(endpoint).length > 0) endpoints[one.target] = endpoint;
  }
  return {
    mode: first.target,
    macAddress: first.mac,
    config: Object.keys(endpoints).length > 0 ? { EndpointsConfig: endpoints } : {},
  };
}

/** A name, or `name=net,alias=a,ip=10.0.0.2,driver-opt=k=v,gw-priority=1`. */
function parseNetwork(text: string): Attachment {
  if (!/\w+=\w+(,\w+=\w+)*/.test(text)) return attachment(text);
  const result = attachment('');
  for (const field of csvFields(text)) {
    const { key, value } = cutPair(field.toLowerCase());
    if (value === undefined || !key) throw invalidOption('network', text, `invalid field ${field}`);
    setField(result, key.trim(), value.trim(), text);
  }
  if (!result.target) throw invalidOption('network', text, 'network name/id is not specified');
  return result;
}

function setField(result: Attachment, key: string, value: string, text: string): void {
  switch (key) {
    case 'name':
      result.target = value;
      return;
    case 'alias':
      result.aliases = [...result.aliases, value];
      return;
    case 'ip':
      result.ip = value;
      return;
    case 'ip6':
      result.ip6 = value;
      return;
    case 'mac-address':
      result.mac = value;
      return;
    case 'link-local-ip':
      result.linkLocalIps = [...result.linkLocalIps, value];
      return;
    case 'driver-opt': {
      const option = cutPair(value);
      if (option.value === undefined) {
        throw invalidOption('network', text, 'invalid key value pair format in driver options');
      }
      result.driverOpts[option.key] = option.value;
      return;
    }
    case 'gw-priority':
      result.priority = Number(value);
      if (!Number.isSafeInteger(result.priority)) {
        throw invalidOption('network', text, `invalid gw-priority (${value})`);
      }
      return;
    default:
      throw invalidOption('network', text, `invalid field key ${key}`);
  }
}

function applySingleOptions(first: Attachment, flags: NetworkFlags): void {
  const aliases = [...flags['network-alias'], ...flags['net-alias']];
  const both = (option: string, field: string): never => {
    throw new CliError(`conflicting options: cannot specify both --${option} and per-network ${field}`, 125);
  };
  if (first.aliases.length > 0 && aliases.length > 0) both('network-alias', 'alias');
  if (first.ip && flags.ip) both('ip', 'IPv4 address');
  if (first.ip6 && flags.ip6) both('ip6', 'IPv6 address');
  if (first.mac && flags['mac-address']) both('mac-address', 'MAC address');
  if (first.linkLocalIps.length > 0 && flags['link-local-ip'].length > 0) {
    both('link-local-ip', 'link-local IP addresses');
  }
  first.aliases = [...first.aliases, ...aliases];
  first.linkLocalIps = [...first.linkLocalIps, ...flags['link-local-ip']];
  first.ip ||= flags.ip;
  first.ip6 ||= flags.ip6;
  first.mac ||= flags['mac-address'];
  // On a network of the user's a link belongs to the endpoint, otherwise to the container.
  if (isUserDefined(first.target)) first.links = flags.link;
}

function checkTogether(attachments: readonly Attachment[]): void {
  const ownNetworks = attachments.filter(one => isUserDefined(one.target)).length;
  if (ownNetworks > 0 && ownNetworks < attachments.length) {
    throw new CliError(
      'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
      125,
    );
  }
}

function toEndpoint(one: Attachment): Endpoint {
  if (one.target.trim() === '') throw new CliError('no name set for network', 125);
  if (!isUserDefined(one.target)) {
    if (one.aliases.length > 0) {
      throw new CliError('network-scoped aliases are only supported for user-defined networks', 125);
    }
    if (one.links.length > 0) {
      throw new CliError('links are only supported for user-defined networks', 125);
    }
  }
  for (const [ip, family] of [
    [one.ip, 4],
    [one.ip6, 6],
  ] as const) {
    if (ip && isIP(ip) !== family) throw new CliError(`invalid IPv${family} address: ${ip}`, 125);
  }
  if (one.mac && !isMac(one.mac)) throw new CliError(`${one.mac} is not a valid mac address`, 125);
  const hasAddress = one.ip || one.ip6 || one.linkLocalIps.length > 0;
  return {
    ...(hasAddress
      ? { IPAMConfig: { IPv4Address: one.ip, IPv6Address: one.ip6, LinkLocalIPs: [...one.linkLocalIps] } }
      : {}),
    ...(one.links.length > 0 ? { Links: [...one.links] } : {}),
    ...(one.aliases.length > 0 ? { Aliases: [...one.aliases] } : {}),
    ...(one.mac ? { MacAddress: one.mac } : {}),
    ...(Object.keys(one.driverOpts).length > 0 ? { DriverOpts: one.driverOpts } : {}),
    ...(one.priority ? { GwPriority: one.priority } : {}),
  };
}

function attachment(target: string): Attachment {
  return {
    target,
    aliases: [],
    links: [],
    linkLocalIps: [],
    driverOpts: {},
    ip: '',
    ip6: '',
    mac: '',
    priority: 0,
  };
}

function isUserDefined(name: string): boolean {
  return !['', 'default', 'bridge', 'host', 'none'].includes(name) && !name.startsWith('container:');
}

function isMac(text: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text);
}
