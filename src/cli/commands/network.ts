import { isIPv6 } from 'node:net';
import { isStatus } from '#client/api-error';
import { textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command, type Invocation } from '../command.ts';
import { eachName } from '../each-name.ts';
import { pairs } from '../run/env-files.ts';
import { ipamConfig } from '../run/ipam-config.ts';
import { withoutEmpty } from '../run/without-empty.ts';

const createFlags = {
  attachable: { type: 'bool', help: 'Enable manual container attachment' },
  'aux-address': {
    type: 'list',
    shows: 'map',
    help: 'Auxiliary IPv4 or IPv6 addresses used by Network driver',
  },
  'config-from': { type: 'string', help: 'The network from which to copy the configuration' },
  'config-only': { type: 'bool', help: 'Create a configuration only network' },
  driver: { type: 'string', short: 'd', help: 'Driver to manage the Network (default "bridge")' },
  gateway: { type: 'strings', help: 'IPv4 or IPv6 Gateway for the master subnet' },
  ingress: { type: 'bool', help: 'Create swarm routing-mesh network' },
  internal: { type: 'bool', help: 'Restrict external access to the network' },
  'ip-range': { type: 'strings', help: 'Allocate container ip from a sub-range' },
  'ipam-driver': { type: 'string', help: 'IP Address Management Driver (default "default")' },
  'ipam-opt': { type: 'list', shows: 'map', help: 'Set IPAM driver specific options' },
  ipv4: { type: 'bool', on: true, help: 'Enable or disable IPv4 address assignment (default true)' },
  ipv6: { type: 'bool', help: 'Enable or disable IPv6 address assignment' },
  label: { type: 'list', help: 'Set metadata on a network' },
  opt: { type: 'list', short: 'o', shows: 'map', help: 'Set driver specific options' },
  scope: { type: 'string', help: "Control the network's scope" },
  subnet: { type: 'strings', help: 'Subnet in CIDR format that represents a network segment' },
} as const;

export const create = command({
  usage: 'network create [OPTIONS] NETWORK',
  summary: 'Create a network',
  flags: createFlags,
  args: { min: 1, max: 1 },
  async run({ client, print, warn }, { flags, given, args: [name = ''] }) {
    const created = await client.call('POST', '/networks/create', { body: createBody(name, flags, given) });
    const warning = textAt(created, 'Warning');
    if (warning) warn(`WARNING: ${warning}`);
    print(textAt(created, 'Id'));
    return 0;
  },
});

function createBody(
  name: string,
  flags: Invocation<typeof createFlags>['flags'],
  given: ReadonlySet<string>,
): object {
  return {
    Name: name,
    CheckDuplicate: true, // engines before API 1.44 make a second network of the same name without it
    Driver: flags.driver || 'bridge',
    Scope: flags.scope,
    Internal: flags.internal,
    Attachable: flags.attachable,
    Ingress: flags.ingress,
    ConfigOnly: flags['config-only'],
    ...(flags['config-from'] ? { ConfigFrom: { Network: flags['config-from'] } } : {}),
    ...(given.has('ipv4') ? { EnableIPv4: flags.ipv4 } : {}),
    ...(given.has('ipv6') ? { EnableIPv6: flags.ipv6 } : {}),
    IPAM: {
      Driver: flags['ipam-driver'] || 'default',
      Options: pairs(flags['ipam-opt']),
      Config: ipamConfig(flags.subnet, flags['ip-range'], flags.gateway, pairs(flags['aux-address'])),
    },
    Options: pairs(flags.opt),
    Labels: pairs(flags.label),
  };
}

export const remove = command({
  usage: 'network rm NETWORK [NETWORK...]',
  summary: 'Remove one or more networks',
  flags: { force: { type: 'bool', short: 'f', help: 'Do not error if the network does not exist' } },
  args: { min: 1 },
  async run(context, { flags, args }) {
    const io = { warn: context.warn, print: (text: string) => void context.stdout.write(text) };
    return eachName(io, args, async name => {
      try {
        await context.client.call('DELETE', `/networks/${encodeURIComponent(name)}`);
        return `${name}\n`;
      } catch (error) {
        if (!flags.force || !isStatus(error, 404)) throw error;
        return '';
      }
    });
  },
});

export const connect = command({
  usage: 'network connect [OPTIONS] NETWORK CONTAINER',
  summary: 'Connect a container to a network',
  flags: {
    alias: { type: 'strings', help: 'Add network-scoped alias for the container' },
    'driver-opt': { type: 'strings', help: 'Driver options for the network' },
    'gw-priority': {
      type: 'int',
      help: 'Highest gw-priority provides the default gateway. Accepts positive and negative values.',
    },
    ip: { type: 'string', help: 'IPv4 address (e.g., "172.30.100.104")' },
    ip6: { type: 'string', help: 'IPv6 address (e.g., "2001:db8::33")' },
    link: { type: 'list', help: 'Add link to another container' },
    'link-local-ip': { type: 'strings', help: 'Add a link-local address for the container' },
  },
  args: { min: 2, max: 2 },
  async run({ client }, { flags, args: [network = '', container = ''] }) {
    if (flags.ip6 && !isIPv6(flags.ip6)) throw new CliError(`invalid IPv6 address: ${flags.ip6}`);
    const addresses = {
      IPv4Address: flags.ip,
      IPv6Address: flags.ip6,
      LinkLocalIPs: flags['link-local-ip'],
    };
    if (flags['driver-opt'].some(option => !option.includes('='))) {
      throw new CliError('invalid key/value pair format in driver options');
    }
    const EndpointConfig = withoutEmpty({
      IPAMConfig: withoutEmpty(addresses),
      Links: flags.link,
      Aliases: flags.alias,
      DriverOpts: pairs(flags['driver-opt']),
      GwPriority: flags['gw-priority'],
    });
    await client.call('POST', `/networks/${encodeURIComponent(network)}/connect`, {
      body: { Container: container, EndpointConfig },
    });
    return 0;
  },
});

export const disconnect = command({
  usage: 'network disconnect [OPTIONS] NETWORK CONTAINER',
  summary: 'Disconnect a container from a network',
  flags: { force: { type: 'bool', short: 'f', help: 'Force the container to disconnect from a network' } },
  args: { min: 2, max: 2 },
  async run({ client }, { flags, args: [network = '', container = ''] }) {
    await client.call('POST', `/networks/${encodeURIComponent(network)}/disconnect`, {
      body: { Container: container, Force: flags.force },
    });
    return 0;
  },
});
