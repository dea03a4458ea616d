import type { Logger } from '#base/logger';
import type { NftChain } from '#sys/netlink/nftables-chains';
import type { FirewallMode } from './firewall-chains.ts';

export type FirewallManager = 'ufw' | 'firewalld';

/** Which program looks after the host's own rules, as far as they show it. */
export function firewallManager(
  chains: readonly Pick<NftChain, 'table' | 'name'>[],
): FirewallManager | undefined {
  if (chains.some(({ table }) => table === 'firewalld')) return 'firewalld';
  return chains.some(({ name }) => /^ufw6?-/.test(name)) ? 'ufw' : undefined;
}

/** Says at the start of the engine how it and the host's firewall get along. */
export function tellFirewallManager(
  chains: readonly NftChain[],
  { logger, mode, bridge }: { readonly logger: Logger; readonly mode: FirewallMode; readonly bridge: string },
): void {
  const manager = firewallManager(chains);
  if (manager === undefined) return;
  if (mode === 'quai') {
    logger.info(
      `${manager} is active on this host: ports that containers publish are not subject to its input rules, as they are forwarded`,
      { cure: ['quai daemon --firewall host', 'quai daemon --publish-default loopback'] },
    );
  }
  if (manager === 'firewalld') {
    logger.info('firewalld refuses what passes interfaces that it does not know', {
      cure: [`firewall-cmd --permanent --zone=trusted --add-interface=${bridge}`, 'firewall-cmd --reload'],
    });
  }
}
