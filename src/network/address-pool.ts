import { bitsOf, contains, type IpAddress, lastOf, type Subnet } from './ip-address.ts';

export interface AddressPoolOptions {
  readonly subnet: Subnet;
  /** where addresses are handed out from; the whole subnet unless given */
  readonly range?: Subnet;
  /** never handed out: the gateway, addresses of other devices */
  readonly reserved: readonly IpAddress[];
}

/** The addresses of one subnet: hands out the lowest free one, or the one asked for. */
export class AddressPool {
  readonly #subnet: Subnet;
  readonly #first: bigint;
  readonly #last: bigint;
  readonly #reserved: ReadonlySet<bigint>;
  readonly #taken = new Set<bigint>();
  /** everything in the range below it is taken */
  #lowest: bigint;

  constructor({ subnet, range = subnet, reserved }: AddressPoolOptions) {
    const network = subnet.value;
    const broadcast = lastOf(subnet).value;
    // Point-to-point prefixes (RFC 3021, RFC 6164) have neither a network nor a broadcast address.
    const isTiny = bitsOf(subnet.family) - subnet.prefixLength <= 1;
    const hasBroadcast = subnet.family === 4 && !isTiny;
    this.#subnet = subnet;
    this.#first = range.value === network && !isTiny ? network + 1n : range.value;
    const end = lastOf(range).value;
    this.#last = end === broadcast && hasBroadcast ? end - 1n : end;
    this.#reserved = new Set(reserved.map(address => address.value));
    this.#lowest = this.#first;
  }

  /** @returns undefined when every address is taken. */
  allocate(): IpAddress | undefined {
    for (let value = this.#lowest; value <= this.#last; value += 1n) {
      if (this.#taken.has(value) || this.#reserved.has(value)) continue;
      this.#taken.add(value);
      this.#lowest = value + 1n;
      return { family: this.#subnet.family, value };
    }
    this.#lowest = this.#last + 1n;
    return undefined;
  }

  /** Takes a certain address of the subnet; it need not be in the range. @returns false when it is taken or reserved. */
  take({ value }: IpAddress): boolean {
    if (this.#taken.has(value) || this.#reserved.has(value)) return false;
    this.#taken.add(value);
    return true;
  }

  /** Whether the address could be handed to someone: in the subnet, and not its network or broadcast address. */
  isUsable(address: IpAddress): boolean {
    const isWhole = bitsOf(this.#subnet.family) - this.#subnet.prefixLength <= 1;
    if (!contains(this.#subnet, address)) return false;
    if (isWhole) return true;
    const isBroadcast = this.#subnet.family === 4 && address.value === lastOf(this.#subnet).value;
    return address.value !== this.#subnet.value && !isBroadcast;
  }

  release({ value }: IpAddress): void {
    if (!this.#taken.delete(value)) return;
    if (value < this.#lowest && value >= this.#first) this.#lowest = value;
  }

  /** Addresses that nobody can have any more, and those that can still be handed out. */
  use(): { readonly inUse: bigint; readonly available: bigint } {
    const isTiny = bitsOf(this.#subnet.family) - this.#subnet.prefixLength <= 1;
    const edges = isTiny ? [] : [this.#subnet.value];
    if (!isTiny && this.#subnet.family === 4) edges.push(lastOf(this.#subnet).value);
    const unavailable = new Set([...this.#taken, ...this.#reserved, ...edges]);
    let inRange = 0n;
    for (const value of unavailable) if (value >= this.#first && value <= this.#last) inRange += 1n;
    return {
      inUse: BigInt(unavailable.size),
      available: this.#last - this.#first + 1n - inRange,
    };
  }

  get takenCount(): number {
    return this.#taken.size;
  }
}
