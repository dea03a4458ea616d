import { shortId } from '#base/ids';

/** Which of the engines on this machine we are. Everything made on the host carries the key in its name. */
export interface EngineInstance {
  /** empty for the default engine, else one to four of `a-z0-9` */
  readonly key: string;
  /** interface of the network called `bridge`, at most 15 characters: `quai0`, `q<key>0` */
  readonly bridgeName: string;
}

const ENDPOINT_DIGITS = 8;
const LINK_NAME_BYTES = 15;
/** far from what people give by hand (`ip link set group`) */
const GROUPS_FROM = 0x51_00_00_00;
const KEY_RADIX = 36;

/** Names of what one engine makes on the host, and how to tell them from everybody else's. */
export class InstanceNames {
  readonly defaultBridge: string;
  /** table of family `inet` */
  readonly table: string;
  /** number that our bridges bear, so that rules tell them from other links by one comparison */
  readonly bridgeGroup: number;
  readonly #key: string;
  readonly #vethPattern: RegExp;

  constructor({ key, bridgeName }: EngineInstance) {
    if (!/^[a-z0-9]{0,4}$/.test(key)) throw new RangeError(`Engine key "${key}" is not 0 to 4 of a-z0-9`);
    if (!isLinkName(bridgeName)) throw new RangeError(`"${bridgeName}" cannot name an interface`);
    this.#key = key;
    this.defaultBridge = bridgeName;
    this.table = key === '' ? 'quai' : `quai_${key}`;
    this.bridgeGroup = GROUPS_FROM + Number.parseInt(key === '' ? '0' : key, KEY_RADIX);
    this.#vethPattern = new RegExp(`^q${key}-[0-9a-f]{${ENDPOINT_DIGITS}}$`);
  }

  /** Host end of an endpoint's veth pair. */
  veth(endpointId: string): string {
    return `q${this.#key}-${endpointId.slice(0, ENDPOINT_DIGITS)}`;
  }

  /** The host's own interface on a macvlan network. */
  hostAccess(networkId: string): string {
    return `q${this.#key}h${networkId.slice(0, ENDPOINT_DIGITS)}`;
  }

  isOwnVeth(link: string): boolean {
    return this.#vethPattern.test(link);
  }

  /** As Docker names the bridges of user-defined networks. */
  bridge(networkId: string): string {
    return `br-${shortId(networkId)}`;
  }

  /** Marks a link as made for a network of ours, for the sweep: its name alone does not tell (`ip -d link` shows it). */
  linkAlias(networkId: string): string {
    return `quai:${this.#key}:${networkId}`;
  }

  isOwnAlias(alias: string): boolean {
    return alias.startsWith(`quai:${this.#key}:`);
  }
}

/** Whether the kernel takes `name` for an interface (dev_valid_name) and we need not quote it anywhere. */
export function isLinkName(name: string): boolean {
  return (
    name.length <= LINK_NAME_BYTES &&
    /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) &&
    name !== '.' &&
    name !== '..'
  );
}
