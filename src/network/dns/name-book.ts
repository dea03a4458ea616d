import {
  contains,
  formatIp,
  ipBytes,
  ipFromBytes,
  parseIp,
  parseSubnet,
  type Subnet,
} from '../ip-address.ts';
import { DNS_TYPE } from './dns-message.ts';
import type { NamedEndpoint, NamedNetwork, NamedSandbox } from './dns-orders.ts';
import { addressOfReverseName } from './reverse-name.ts';

/** What is known about a name. */
export type Finding =
  /** addresses of every family, 4 or 16 bytes each; maybe none of the family that was asked for */
  | { readonly kind: 'addresses'; readonly addresses: readonly Buffer[] }
  | { readonly kind: 'names'; readonly names: readonly string[] }
  /** ours to know, and there is no such name */
  | { readonly kind: 'nothing' }
  /** not ours: others may know */
  | { readonly kind: 'foreign' };

interface Holder {
  readonly names: readonly string[];
  readonly addresses: readonly Buffer[];
}

interface NetworkNames {
  readonly name: string;
  readonly subnets: readonly Subnet[];
  readonly byName: Map<string, Set<Holder>>;
  readonly byAddress: Map<string, Holder>;
  /** names that containers had here: asked for again they are still nobody else's business */
  readonly departed: Set<string>;
}

interface Asker {
  readonly endpoints: readonly AskerEndpoint[];
  readonly hostAddresses: readonly Buffer[];
}

interface AskerEndpoint {
  readonly networkId: string;
  readonly holder: Holder;
  readonly links: ReadonlyMap<string, string>;
}

const HOST_NAMES = new Set(['host.docker.internal', 'gateway.docker.internal']);
const OWN_ZONE = '.docker.internal';
/** What programs of the host ask for: `<container>.<network>` in this zone. */
export const HOST_ZONE = '.quai.internal';
const DEPARTED_MAX = 1_024;

/** Who is called what on which network, and who may know it. Names are compared without regard to case. */
export class NameBook {
  readonly #networks = new Map<string, NetworkNames>();
  readonly #askers = new Map<string, Asker>();
  /** on how many endpoints a name is in use, on any network */
  readonly #inUse = new Map<string, number>();

  setNetwork({ id, name, subnets }: NamedNetwork): void {
    const known = this.#networks.get(id);
    this.#networks.set(id, {
      byName: known?.byName ?? new Map(),
      byAddress: known?.byAddress ?? new Map(),
      departed: known?.departed ?? new Set(),
      name: name.toLowerCase(),
      subnets: subnets.map(parseSubnet).filter(subnet => subnet !== undefined),
    });
  }

  removeNetwork(id: string): void {
    this.#networks.delete(id);
  }

  /** Replaces what was known of a container. */
  setSandbox({ id, endpoints, hostAddresses }: NamedSandbox): void {
    const before = this.#askers.get(id);
    const asker = {
      endpoints: endpoints.map(toAskerEndpoint),
      hostAddresses: hostAddresses.map(toBytes).filter(address => address !== undefined),
    };
    this.#askers.set(id, asker);
    for (const endpoint of asker.endpoints) this.#enter(endpoint);
    for (const endpoint of before?.endpoints ?? []) this.#strike(endpoint);
  }

  removeSandbox(id: string): void {
    const asker = this.#askers.get(id);
    this.#askers.delete(id);
    for (const endpoint of asker?.endpoints ?? []) this.#strike(endpoint);
  }

  /** @param name lower case, without the last dot */
  find(sandboxId: string, name: string, type: number): Finding {
    const asker = this.#askers.get(sandboxId);
    if (!asker) return { kind: 'nothing' };
    if (type === DNS_TYPE.PTR) return this.#findReverse(asker, name);
    if (HOST_NAMES.has(name)) return { kind: 'addresses', addresses: asker.hostAddresses };
    for (const endpoint of asker.endpoints) {
      const addresses = this.#findOn(endpoint, name);
      if (addresses) return { kind: 'addresses', addresses };
    }
    return this.#isOurs(asker, name) ? { kind: 'nothing' } : { kind: 'foreign' };
  }

  /** For programs of the host: every name of every network, as `<name>.<network>` in a zone of its own. */
  findForHost(name: string, type: number): Finding {
    if (type === DNS_TYPE.PTR) return this.#reverseForHost(name);
    if (!name.endsWith(HOST_ZONE)) return { kind: 'foreign' };
    const inZone = name.slice(0, -HOST_ZONE.length);
    for (const network of this.#networks.values()) {
      const holders = inZone.endsWith(`.${network.name}`)
        ? network.byName.get(inZone.slice(0, -network.name.length - 1))
        : undefined;
      if (holders?.size) return { kind: 'addresses', addresses: addressesOf(holders) };
    }
    return { kind: 'nothing' };
  }

  #findOn({ networkId, links }: AskerEndpoint, name: string): Buffer[] | undefined {
    const network = this.#networks.get(networkId);
    if (!network) return undefined;
    for (const wanted of candidates(name, network.name)) {
      const holders = network.byName.get(links.get(wanted) ?? wanted);
      if (holders) return addressesOf(holders);
    }
    return undefined;
  }

  #findReverse(asker: Asker, name: string): Finding {
    const ip = addressOfReverseName(name);
    if (!ip) return { kind: 'foreign' };
    const address = formatIp(ip);
    for (const { networkId } of asker.endpoints) {
      const network = this.#networks.get(networkId);
      const holder = network?.byAddress.get(address);
      const [first] = holder?.names ?? [];
      if (network && first !== undefined) return { kind: 'names', names: [`${first}.${network.name}`] };
    }
    return { kind: this.#isInOurSubnets(ip) ? 'nothing' : 'foreign' };
  }

  #reverseForHost(name: string): Finding {
    const ip = addressOfReverseName(name);
    if (!ip || !this.#isInOurSubnets(ip)) return { kind: 'foreign' };
    const address = formatIp(ip);
    for (const network of this.#networks.values()) {
      const [first] = network.byAddress.get(address)?.names ?? [];
      if (first !== undefined) return { kind: 'names', names: [`${first}.${network.name}${HOST_ZONE}`] };
    }
    return { kind: 'nothing' };
  }

  /** Names that would tell others about our networks if they were passed on. */
  #isOurs(asker: Asker, name: string): boolean {
    if (name.endsWith(OWN_ZONE) || name.endsWith(HOST_ZONE)) return true;
    // Of other networks only names without a dot: a container must not take `example.com` from everybody.
    if (!name.includes('.') && this.#inUse.has(name)) return true;
    // Nor all that ends like a network's name: a network called `app` must not hide the domains of that name.
    return asker.endpoints.some(({ networkId, links }) => {
      const network = this.#networks.get(networkId);
      if (!network || links.has(name)) return links.has(name);
      return candidates(name, network.name).some(candidate => network.departed.has(candidate));
    });
  }

  #isInOurSubnets(address: ReturnType<typeof addressOfReverseName>): boolean {
    if (!address) return false;
    for (const { subnets } of this.#networks.values()) {
      if (subnets.some(subnet => contains(subnet, address))) return true;
    }
    return false;
  }

  #enter({ networkId, holder }: AskerEndpoint): void {
    const network = this.#networks.get(networkId);
    for (const name of holder.names) {
      this.#inUse.set(name, (this.#inUse.get(name) ?? 0) + 1);
      if (!network) continue;
      const holders = network.byName.get(name) ?? new Set();
      network.byName.set(name, holders.add(holder));
      network.departed.delete(name);
    }
    for (const address of holder.addresses) network?.byAddress.set(toText(address), holder);
  }

  #strike({ networkId, holder }: AskerEndpoint): void {
    const network = this.#networks.get(networkId);
    for (const name of holder.names) {
      const others = (this.#inUse.get(name) ?? 1) - 1;
      if (others > 0) this.#inUse.set(name, others);
      else this.#inUse.delete(name);
      const holders = network?.byName.get(name);
      holders?.delete(holder);
      if (!network || holders?.size) continue;
      network.byName.delete(name);
      remember(network.departed, name);
    }
    for (const address of holder.addresses) {
      const text = toText(address);
      if (network?.byAddress.get(text) === holder) network.byAddress.delete(text);
    }
  }
}

/** A name may be followed by that of its network. */
function candidates(name: string, network: string): string[] {
  return name.endsWith(`.${network}`) ? [name, name.slice(0, -network.length - 1)] : [name];
}

function toAskerEndpoint({ networkId, names, addresses, links }: NamedEndpoint): AskerEndpoint {
  return {
    networkId,
    holder: {
      names: [...new Set(names.map(name => name.toLowerCase()))],
      addresses: addresses.map(toBytes).filter(address => address !== undefined),
    },
    links: new Map(links.map(([alias, target]) => [alias.toLowerCase(), target.toLowerCase()])),
  };
}

function addressesOf(holders: ReadonlySet<Holder>): Buffer[] {
  const all: Buffer[] = [];
  for (const { addresses } of holders) all.push(...addresses);
  return all;
}

function remember(names: Set<string>, name: string): void {
  names.add(name);
  const [oldest] = names;
  if (names.size > DEPARTED_MAX && oldest !== undefined) names.delete(oldest);
}

function toBytes(address: string): Buffer | undefined {
  const ip = parseIp(address);
  return ip && ipBytes(ip);
}

/** As `formatIp` writes it, so that a parsed address finds it. */
function toText(address: Buffer): string {
  return formatIp(ipFromBytes(address));
}
