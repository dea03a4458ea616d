import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { messageOf } from '#base/errors';
import type { BackgroundChores } from './background-chores.ts';
import type { HostLinksByName, NetworkDriver } from './drivers/network-driver.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import { tellFirewallManager } from './firewall-manager.ts';
import { deleteLinks } from './host-links.ts';
import { overlaps, parseSubnet } from './ip-address.ts';
import { firewallEndpoints, type NetworkParts } from './network-parts.ts';
import { planNetwork, planSpecialNetwork, type TakenSubnet } from './network-plan.ts';
import type { NetworkRecord } from './network-table.ts';
import { lockRanges } from './range-lock.ts';
import type { DefaultPool } from './subnet-choice.ts';

export interface RestoreContext {
  readonly pools: readonly DefaultPool[];
  readonly chores: BackgroundChores;
}

const HOST_BINDING = 'com.docker.network.bridge.host_binding_ipv4';

/** Networks made or looked after between turns of the event loop. */
const NETWORKS_PER_TURN = 4;
const ENDPOINTS_PER_TURN = 4;

/**
 * Makes the host equal the database, whatever happened while the engine was away: a crash half-way through something,
 * a reboot, a flush of rules, deleted links. Containers that run keep what works and get back what is missing.
 *
 * @param running containers whose processes live
 */
export async function restoreNetworks(
  parts: NetworkParts,
  running: ReadonlySet<string>,
  context: RestoreContext,
): Promise<void> {
  forgetStopped(parts, running, context.chores);
  const links = await takePlaces(parts, context);
  await reconnect(parts, links);
  restorePorts(parts);
  sweep(parts, { running, links, chores: context.chores });
  parts.forwardWarning.check();
  tellFirewallManager(parts.firewall.chains(), {
    logger: parts.logger,
    mode: parts.publishing.firewall,
    bridge: parts.names.defaultBridge,
  });
}

/** From the choice of a range for the default bridge to the address on it, no other engine chooses. @returns links as they were before */
async function takePlaces(parts: NetworkParts, { pools, chores }: RestoreContext): Promise<HostLinksByName> {
  using _lock = await lockRanges();
  ensurePredefined(parts, pools);
  parts.firewall.watch();
  assertFirewall(parts);
  const links = new Map(parts.hostLinks.list().map(link => [link.name, link]));
  await ensureNetworks(parts, links, chores);
  return links;
}

/** Ranges that a new network must keep clear of. */
export function takenSubnets(parts: NetworkParts, except?: NetworkRecord): TakenSubnet[] {
  const networks = parts.networks.list();
  const taken = [...hostRanges(parts)];
  for (const network of networks) {
    if (network.id !== except?.id && !network.isConfigOnly) taken.push(...rangesOf(network));
  }
  return taken;
}

/** Ranges that the host itself uses. */
export function hostRanges({ drivers, hostLinks, networks }: NetworkParts): readonly TakenSubnet[] {
  return hostLinks.takenSubnets(
    () => new Set(networks.list().flatMap(network => drivers.of(network).linksOf(network))),
  );
}

/** Parsed once per network: with a thousand of them it is felt. */
const rangesByNetwork = new WeakMap<NetworkRecord, readonly TakenSubnet[]>();

export function rangesOf(network: NetworkRecord): readonly TakenSubnet[] {
  const known = rangesByNetwork.get(network);
  if (known) return known;
  const ranges = network.ipam.pools.flatMap(pool => {
    const subnet = parseSubnet(pool.subnet);
    return subnet ? [{ subnet, holder: `network ${network.name}` }] : [];
  });
  rangesByNetwork.set(network, ranges);
  return ranges;
}

function forgetStopped(
  { endpoints, foreign, ipam, networks }: NetworkParts,
  running: ReadonlySet<string>,
  chores: BackgroundChores,
): void {
  const stopped = endpoints.list().filter(endpoint => !running.has(endpoint.containerId));
  endpoints.delete(stopped, () => {
    for (const endpoint of stopped) foreign.owe(networks.get(endpoint.networkId), endpoint);
  });
  for (const endpoint of stopped) {
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address) ipam.release(endpoint.networkId, address.address);
    }
    const network = networks.get(endpoint.networkId);
    endpoints.emit('disconnect', endpoint, network);
  }
  chores.run('ending endpoints of plugins', () => foreign.settleAll());
}

function ensurePredefined(parts: NetworkParts, pools: readonly DefaultPool[]): void {
  const { networks } = parts;
  if (!networks.find('host')) networks.insert(planSpecialNetwork('host', 'host'));
  if (!networks.find('none')) networks.insert(planSpecialNetwork('none', 'null'));
  const bridge = networks.find('bridge');
  if (!bridge) {
    const planned = planDefaultBridge(parts, pools, takenSubnets(parts));
    networks.insert(planned);
    parts.ipam.open(planned);
    return;
  }
  setDefaultBinding(parts, bridge);
  const taken = takenSubnets(parts, bridge);
  const isClear = bridge.ipam.pools.every(({ subnet }) => {
    const own = parseSubnet(subnet);
    return own && !taken.some(other => overlaps(other.subnet, own));
  });
  if (isClear || parts.endpoints.onNetwork(bridge.id).length > 0) return;
  const moved = { ...networks.get('bridge'), ipam: planDefaultBridge(parts, pools, taken).ipam };
  parts.logger.warn('the range of network bridge is in use on this host, took another', {
    before: bridge.ipam.pools[0]?.subnet,
    now: moved.ipam.pools[0]?.subnet,
  });
  networks.update(moved);
  parts.ipam.open(moved);
}

/** The option that clients see tells the truth, also after the administrator changed it. */
function setDefaultBinding({ networks, publishing }: NetworkParts, bridge: NetworkRecord): void {
  if (bridge.options[HOST_BINDING] === publishing.defaultHostIp) return;
  networks.update({ ...bridge, options: { ...bridge.options, [HOST_BINDING]: publishing.defaultHostIp } });
}

function planDefaultBridge(
  { drivers, names, publishing }: NetworkParts,
  pools: readonly DefaultPool[],
  taken: readonly TakenSubnet[],
): NetworkRecord {
  return planNetwork(
    {
      name: 'bridge',
      // As Docker's own network of this name shows them.
      options: {
        'com.docker.network.bridge.default_bridge': 'true',
        'com.docker.network.bridge.enable_icc': 'true',
        'com.docker.network.bridge.enable_ip_masquerade': 'true',
        [HOST_BINDING]: publishing.defaultHostIp,
        'com.docker.network.bridge.name': names.defaultBridge,
        'com.docker.network.driver.mtu': '1500',
      },
    },
    { driver: drivers.of({ driver: 'bridge' }), taken, pools },
  );
}

function assertFirewall(parts: NetworkParts): void {
  const { drivers, endpoints, firewall, networks } = parts;
  const rules = networks.list().flatMap(network => {
    const rule = drivers.of(network).firewallNetwork(network);
    return rule ? [[network.id, rule] as const] : [];
  });
  firewall.prime(new Map(rules), firewallEndpoints(endpoints.list(), parts));
  firewall.assert();
}

/** Networks in use and the default one at once; after a reboot the others follow in the background. */
async function ensureNetworks(
  parts: NetworkParts,
  links: HostLinksByName,
  chores: BackgroundChores,
): Promise<void> {
  const networks = parts.networks.list();
  const ensure = (network: NetworkRecord): void => ensureNetwork(parts, network);
  const isUrgent = (network: NetworkRecord): boolean =>
    network.name === 'bridge' || parts.endpoints.onNetwork(network.id).length > 0;
  const isMissing = (network: NetworkRecord): boolean =>
    parts.drivers
      .of(network)
      .linksOf(network)
      .some(link => !links.has(link));
  await inTurns(networks.filter(isUrgent), NETWORKS_PER_TURN, ensure);
  const missing = networks.filter(network => !isUrgent(network) && isMissing(network));
  chores.run('making networks', () =>
    inTurns(missing, NETWORKS_PER_TURN, network => {
      if (parts.networks.find(network.id)) ensure(network);
    }),
  );
}

/** A network whose parent interface is gone is no reason for the engine not to start. */
function ensureNetwork({ drivers, logger }: NetworkParts, network: NetworkRecord): void {
  try {
    drivers.of(network).ensureNetwork(network);
  } catch (error) {
    if (network.name === 'bridge') throw error;
    logger.error('cannot bring a network into shape', { network: network.name, error: messageOf(error) });
  }
}

async function reconnect(parts: NetworkParts, links: HostLinksByName): Promise<void> {
  const plugged = parts.endpoints.list().filter(endpoint => endpoint.interfaceName !== '');
  const broken: EndpointRecord[] = [];
  await inTurns(plugged, ENDPOINTS_PER_TURN, endpoint => {
    const { driver, network, netns } = whereabouts(parts, endpoint);
    if (endpoint.ports.length > 0 && endpoint.ipv4) driver.allowLoopback(network);
    if (driver.holds(endpoint, links, netns)) driver.replug(endpoint, network, links);
    else broken.push(endpoint);
  });
  for (const endpoint of broken) {
    const { driver, network, netns } = whereabouts(parts, endpoint);
    try {
      await driver.unplug(endpoint, netns);
      driver.plug(endpoint, network, netns);
      parts.logger.info('made the link of a running container anew', { container: endpoint.containerId });
    } catch (error) {
      parts.logger.error('cannot reconnect a running container: restart it', {
        container: endpoint.containerId,
        network: endpoint.networkName,
        error: messageOf(error),
      });
    }
  }
}

function whereabouts(
  { drivers, networks, sandboxes }: NetworkParts,
  endpoint: EndpointRecord,
): { readonly driver: NetworkDriver; readonly network: NetworkRecord; readonly netns: string } {
  const network = networks.get(endpoint.networkId);
  return { driver: drivers.of(network), network, netns: sandboxes.path(endpoint.containerId) };
}

function restorePorts({ endpoints, logger, publisher }: NetworkParts): void {
  for (const endpoint of endpoints.list()) {
    if (endpoint.ports.length === 0) continue;
    const lost = publisher.restore(endpoint.containerId, endpoint.id, endpoint.ports, endpoint);
    if (lost.length === 0) continue;
    logger.warn('another program took published ports while the engine was away; the container keeps them', {
      container: endpoint.containerId,
      ports: lost.map(port => `${port.hostIp}:${port.hostPort}/${port.protocol}`),
    });
  }
}

/** Removes what carries our names and belongs to no row. */
function sweep(
  { endpoints, logger, names, networks, sandboxes }: NetworkParts,
  context: {
    readonly running: ReadonlySet<string>;
    readonly links: HostLinksByName;
    readonly chores: BackgroundChores;
  },
): void {
  const swept = sandboxes.sweep(context.running);
  const owned = new Set(endpoints.list().map(endpoint => names.veth(endpoint.id)));
  const aliases = new Set(networks.list().map(network => names.linkAlias(network.id)));
  const stray = [...context.links.values()].filter(
    link =>
      (names.isOwnVeth(link.name) && !owned.has(link.name)) ||
      (names.isOwnAlias(link.alias) && !aliases.has(link.alias)),
  );
  if (swept > 0 || stray.length > 0) {
    logger.info('removed left-over network name spaces and links', {
      namespaces: swept,
      links: stray.length,
    });
  }
  context.chores.run('deleting left-over links', () => deleteLinks(stray.map(link => link.name)));
}

async function inTurns<T>(items: readonly T[], perTurn: number, work: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % perTurn === 0) await yieldToLoop();
    work(item);
  }
}
