import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { NftChain } from '#sys/netlink/nftables-chains';

/** Docker's chain for rules of the administrator's own, which come before its drops. */
const DOCKER_USER = 'DOCKER-USER';

/**
 * Says once per table when somebody else's rules drop whatever is forwarded. A packet must pass every table, so ours
 * cannot let it through; changing theirs is not our business.
 */
export class ForwardWarning {
  readonly #logger: Logger;
  readonly #bridge: string;
  readonly #list: () => readonly NftChain[];
  readonly #told = new Set<string>();

  constructor(deps: {
    readonly logger: Logger;
    readonly bridge: string;
    readonly list: () => readonly NftChain[];
  }) {
    this.#logger = deps.logger;
    this.#bridge = deps.bridge;
    this.#list = deps.list;
  }

  check(): void {
    try {
      const chains = this.#list();
      for (const chain of chains) if (chain.hook === 'forward' && chain.isDropping) this.#tell(chain, chains);
    } catch (error) {
      this.#logger.debug('cannot look at the chains of others', { error: messageOf(error) });
    }
  }

  #tell({ family, table, name }: NftChain, chains: readonly NftChain[]): void {
    const key = `${family} ${table}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    const hasDockerUser = chains.some(
      chain => chain.name === DOCKER_USER && `${chain.family} ${chain.table}` === key,
    );
    const where = `${key} ${hasDockerUser ? DOCKER_USER : name}`;
    this.#logger.warn(
      'other firewall rules on this host drop what is forwarded: containers may not reach the outside, nor be reached',
      {
        chain: `${key} ${name}`,
        cure: ['iifname', 'oifname'].map(side => `nft insert rule ${where} ${side} ${this.#bridge} accept`),
      },
    );
  }
}
