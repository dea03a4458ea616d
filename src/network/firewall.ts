import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { NETLINK_NETFILTER, NetlinkSocket } from '#sys/netlink/netlink-socket';
import type { NftChain } from '#sys/netlink/nftables-chains';
import { NftablesView } from '#sys/netlink/nftables-view';
import { type NftablesWatch, watchNftables } from '#sys/netlink/nftables-watch';
import { changeElements } from '#sys/netlink/set-element-requests';
import { type Nftables, openNftables } from '#sys/nftables';
import type { ChainOptions, FirewallMode } from './firewall-chains.ts';
import {
  endpointElements,
  type FirewallEndpoint,
  type FirewallNetwork,
  networkElements,
  renderAdd,
  renderNoTable,
  renderRemove,
  renderTable,
} from './firewall-rules.ts';
import { type Element, encodeElements } from './firewall-sets.ts';

export interface FirewallDeps {
  readonly table: string;
  readonly bridgeGroup: number;
  readonly mode: FirewallMode;
  readonly logger: Logger;
  /** called a moment after others changed rules of theirs */
  readonly onForeignChange: () => void;
  /** called when rules are there again that somebody had removed */
  readonly onRestored: () => void;
}

const RETRY_MS = 500;
/** What the kernel takes of a message by default holds more than twice as many. */
const ELEMENTS_MAX = 1_000;
/** Firewall managers make many transactions in a row. */
const FOREIGN_PAUSE_MS = 300;

/**
 * Our one nftables table. What it should hold is kept here; the kernel's copy is changed by the same amount, and
 * written anew as a whole when somebody else removed any of it.
 */
export class Firewall implements Disposable {
  readonly #table: string;
  readonly #mode: FirewallMode;
  readonly #bridgeGroup: number;
  readonly #logger: Logger;
  readonly #nft: Nftables;
  readonly #view = new NftablesView();
  /** To be kept: see {@link NftablesView}. */
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #elements = new Map<string, readonly Element[]>();
  /** numbers of the transactions we made, to know their echoes by */
  readonly #ownGenerations = new Set<number>();
  #isAsserted = false;
  #watch: NftablesWatch | undefined;
  #retry: NodeJS.Timeout | undefined;
  #foreign: NodeJS.Timeout | undefined;
  readonly #onForeignChange: () => void;
  readonly #onRestored: () => void;

  constructor({ table, bridgeGroup, mode, logger, onForeignChange, onRestored }: FirewallDeps) {
    this.#table = table;
    this.#mode = mode;
    this.#bridgeGroup = bridgeGroup;
    this.#logger = logger;
    this.#onForeignChange = onForeignChange;
    this.#onRestored = onRestored;
    this.#nft = openNftables();
  }

  /** Notes what the table should hold, without touching the kernel: {@link assert} follows. */
  prime(
    networks: ReadonlyMap<string, FirewallNetwork>,
    endpoints: ReadonlyMap<string, FirewallEndpoint>,
  ): void {
    this.#elements.clear();
    for (const [id, network] of networks) this.#elements.set(id, networkElements(network));
    for (const [id, endpoint] of endpoints) this.#elements.set(id, endpointElements(endpoint));
  }

  /** Adds or replaces a network, given by its identifier. @throws {NftError} then nothing changed. */
  setNetwork(id: string, network: FirewallNetwork): void {
    this.#replace(new Map([[id, networkElements(network)]]));
  }

  /** Adds or replaces endpoints in one transaction. @throws {NftError} then nothing changed. */
  setEndpoints(endpoints: ReadonlyMap<string, FirewallEndpoint>): void {
    this.#replace(new Map([...endpoints].map(([id, endpoint]) => [id, endpointElements(endpoint)])));
  }

  /** Removes networks or endpoints in one transaction; unknown ones are skipped. */
  remove(ids: readonly string[]): void {
    this.#replace(new Map(ids.map(id => [id, []])));
  }

  /** Writes the whole table, replacing what is there. @throws {NftError} */
  assert(): void {
    this.#write([...this.#elements.values()].flat());
    this.#isAsserted = true;
  }

  /** Removes the table from the kernel. What it should hold is still known. */
  withdraw(): void {
    this.#isAsserted = false;
    this.#run(renderNoTable(this.#table));
  }

  /** Everybody's chains. @throws {SysError} */
  chains(): NftChain[] {
    return this.#view.chains();
  }

  /** Starts to put back what others remove. */
  watch(): void {
    const watch = watchNftables();
    this.#watch = watch;
    this.#follow(watch).catch((error: unknown) => {
      if (this.#watch !== watch) return;
      // The kernel drops messages when too many wait: what they said is lost, so look and begin again.
      this.#logger.warn('lost track of firewall changes', { error: messageOf(error) });
      watch[Symbol.dispose]();
      this.#ownGenerations.clear();
      this.watch();
      this.#reassert();
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#foreign);
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.[Symbol.dispose]();
    this.#view[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
    this.#nft[Symbol.dispose]();
  }

  #replace(changes: ReadonlyMap<string, readonly Element[]>): void {
    const before = [...changes.keys()].flatMap(id => this.#elements.get(id) ?? []);
    const after = [...changes.values()].flat();
    if (before.length === 0 && after.length === 0) return;
    if (this.#isAsserted) this.#apply(before, after);
    for (const [id, elements] of changes) {
      if (elements.length > 0) this.#elements.set(id, elements);
      else this.#elements.delete(id);
    }
    if (!this.#isAsserted) this.assert();
  }

  #apply(before: readonly Element[], after: readonly Element[]): void {
    try {
      this.#change(before, after);
    } catch (error) {
      // Most likely the table is gone or differs. Removals then come with the whole that is written next.
      this.#logger.warn('firewall change refused, writing the whole table', { error: messageOf(error) });
      this.#write(this.#without(before, after));
      this.#onRestored();
    }
  }

  #change(before: readonly Element[], after: readonly Element[]): void {
    const [gone, added] = [encodeElements(before), encodeElements(after)];
    if (gone.length + added.length > ELEMENTS_MAX) {
      this.#run(renderRemove(this.#table, before) + renderAdd(this.#table, after));
      return;
    }
    this.#noting(() => this.#socket.runTransaction(changeElements(this.#table, gone, added)));
  }

  #without(before: readonly Element[], after: readonly Element[]): Element[] {
    const gone = new Set(before);
    return [...[...this.#elements.values()].flat().filter(element => !gone.has(element)), ...after];
  }

  /** Twice if need be: somebody else's transaction in the middle makes the kernel refuse ours. */
  #write(elements: readonly Element[]): void {
    const options = { mode: this.#mode, bridgeGroup: this.#bridgeGroup };
    const write = (originChain: ChainOptions['originChain']): void =>
      this.#run(renderTable(this.#table, elements, { ...options, originChain }));
    try {
      write('shared');
    } catch {
      try {
        write('shared');
      } catch {
        write('own'); // a kernel before 5.19
      }
    }
  }

  #run(commands: string): void {
    this.#noting(() => this.#nft.run(commands));
  }

  /** Notes the number of the transaction that `work` makes. */
  #noting(work: () => void): void {
    const before = this.#view.generation();
    work();
    const after = this.#view.generation();
    // With somebody's transaction in between ours cannot be told; its echo then costs one more writing.
    if (this.#watch && after === (before + 1) >>> 0) this.#ownGenerations.add(after);
  }

  async #follow(watch: NftablesWatch): Promise<void> {
    for await (const change of watch) {
      if (this.#ownGenerations.delete(change.generation)) continue;
      clearTimeout(this.#foreign);
      this.#foreign = setTimeout(this.#onForeignChange, FOREIGN_PAUSE_MS).unref();
      if (!this.#isAsserted || !change.damagedTables.has(this.#table)) continue;
      this.#logger.warn('firewall rules were removed by another program, putting them back', {
        pid: change.pid,
        program: change.program,
      });
      this.#reassert();
    }
  }

  #reassert(): void {
    if (!this.#isAsserted) return;
    try {
      this.assert();
      this.#onRestored();
    } catch (error) {
      this.#logger.error('cannot put firewall rules back, trying again', { error: messageOf(error) });
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#reassert(), RETRY_MS).unref();
    }
  }
}
