import { randomUUID } from 'node:crypto';
import type { MeshState, Pool, Range } from './mesh-state.ts';

export interface AddressSharesDeps {
  readonly state: MeshState;
  /** the first host of the mesh has all addresses in the beginning */
  readonly isFounder: boolean;
  /** Asks the other hosts, one after the other, until one gives something. */
  readonly ask: (question: string, subnet: string, wanted: number | undefined) => Promise<Range | undefined>;
}

/**
 * Addresses of a range that several hosts hand out without a central place: each has shares of it, from which it gives without asking
 * anybody; a host that has none left asks for half of what another has free. A share is written down as given before the other hears of it,
 * so that none is ever at two hosts.
 */
export class AddressShares {
  readonly #deps: AddressSharesDeps;

  constructor(deps: AddressSharesDeps) {
    this.#deps = deps;
  }

  open(subnet: string): void {
    const pool = this.#poolOf(subnet);
    if (pool.isOpen) throw new Error(`range ${subnet} is used by another network of this host`);
    pool.isOpen = true;
    this.#deps.state.save();
  }

  close(subnet: string): void {
    this.#poolOf(subnet).isOpen = false;
    this.#deps.state.save();
  }

  /** @returns an address with its prefix length */
  async take(subnet: string, wanted: string): Promise<string> {
    const pool = this.#poolOf(subnet);
    const number = wanted === '' ? await this.#anyOf(pool) : await this.#certain(pool, toNumber(wanted));
    pool.used.push(number);
    this.#deps.state.save();
    return `${toText(number)}/${subnet.split('/')[1]}`;
  }

  release(subnet: string, address: string): void {
    const pool = this.#poolOf(subnet);
    pool.used = pool.used.filter(each => each !== toNumber(address));
    this.#deps.state.save();
  }

  /** Gives another host a share that it may hand out; the same one when it asks again. */
  give(question: string, subnet: string, wanted: number | undefined): Range | undefined {
    const { state } = this.#deps;
    const before = state.given.find(each => each.question === question);
    if (before) return before.range;
    const pool = this.#poolOf(subnet);
    const range = wanted === undefined ? halfOf(largestFree(pool)) : freeAt(pool, wanted);
    if (!range) return undefined;
    pool.ranges = pool.ranges.flatMap(each => without(each, range));
    state.given.push({ question, range });
    state.save();
    return range;
  }

  async #anyOf(pool: Pool): Promise<number> {
    const own = firstFree(pool);
    if (own !== undefined) return own;
    const range = await this.#deps.ask(randomUUID(), pool.subnet, undefined);
    if (!range) throw new Error(`no address of ${pool.subnet} is free here, and no other host gives one`);
    pool.ranges.push(range);
    return firstFree(pool) ?? range[0];
  }

  async #certain(pool: Pool, wanted: number): Promise<number> {
    if (!isOwn(pool, wanted)) {
      const range = await this.#deps.ask(randomUUID(), pool.subnet, wanted);
      if (!range)
        throw new Error(`address ${toText(wanted)} is taken on another host, or is not known there`);
      pool.ranges.push(range);
    }
    if (pool.used.includes(wanted)) throw new Error(`address ${toText(wanted)} is taken`);
    return wanted;
  }

  #poolOf(subnet: string): Pool {
    const { state, isFounder } = this.#deps;
    const found = state.pools.find(pool => pool.subnet === subnet);
    if (found) return found;
    const pool: Pool = { subnet, ranges: isFounder ? [wholeOf(subnet)] : [], used: [], isOpen: false };
    state.pools.push(pool);
    return pool;
  }
}

/** All but the network's address and that for everybody. */
function wholeOf(subnet: string): Range {
  const [address = '', length = ''] = subnet.split('/');
  const first = toNumber(address);
  return [first + 1, first + 2 ** (32 - Number(length)) - 2];
}

function isOwn(pool: Pool, number: number): boolean {
  return pool.ranges.some(([first, last]) => first <= number && number <= last);
}

function freeAt(pool: Pool, number: number): Range | undefined {
  return isOwn(pool, number) && !pool.used.includes(number) ? [number, number] : undefined;
}

function firstFree(pool: Pool): number | undefined {
  const used = new Set(pool.used);
  for (const [first, last] of pool.ranges) {
    for (let number = first; number <= last; number += 1) if (!used.has(number)) return number;
  }
  return undefined;
}

function largestFree(pool: Pool): Range | undefined {
  const used = pool.used.toSorted((a, b) => a - b);
  const free = pool.ranges.flatMap(range => used.reduce(cutAt, [range]));
  return free.toSorted((a, b) => b[1] - b[0] - (a[1] - a[0]))[0];
}

function cutAt(ranges: readonly Range[], number: number): Range[] {
  return ranges.flatMap(range => without(range, [number, number]));
}

function halfOf(range: Range | undefined): Range | undefined {
  return range && [Math.ceil((range[0] + range[1]) / 2), range[1]];
}

function without([first, last]: Range, [from, to]: Range): Range[] {
  if (to < first || from > last) return [[first, last]];
  const rest: Range[] = [
    [first, from - 1],
    [to + 1, last],
  ];
  return rest.filter(([a, b]) => a <= b);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(number: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(number / 2 ** shift) % 256).join('.');
}
