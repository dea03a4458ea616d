import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { type NotificationStream, notificationStream } from '#sys/netlink/notification-stream';
import { overlaps, parseSubnet } from './ip-address.ts';
import type { Network } from './network.ts';
import type { TakenSubnet } from './network-plan.ts';

export interface RangeWatchDeps {
  readonly logger: Logger;
  readonly networks: () => readonly Network[];
  /** what the host itself uses */
  readonly hostRanges: () => readonly TakenSubnet[];
  /** a subnet of the size of another that nobody uses */
  readonly freeRange: (like: string) => string | undefined;
}

const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV6_ROUTE = 11;
/** A VPN sets many routes at once. */
const CALM_MS = 1_000;

/** Warns when the host gets a route into the range of a network: containers and what lies behind the route no longer reach each other. */
export class RangeWatch implements Disposable {
  readonly #deps: RangeWatchDeps;
  readonly #warned = new Set<string>();
  #stream: NotificationStream | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RangeWatchDeps) {
    this.#deps = deps;
  }

  start(): void {
    const socket = new NetlinkSocket(NETLINK_ROUTE);
    socket.join(RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE);
    this.#stream = notificationStream(socket);
    this.#follow(this.#stream).catch((error: unknown) =>
      this.#deps.logger.warn('routes of the host are no longer watched', { error: messageOf(error) }),
    );
    this.check();
  }

  /** Looks now. Each clash is told once, and again after it was gone. */
  check(): void {
    const { hostRanges, logger, networks, freeRange } = this.#deps;
    const host = hostRanges();
    const found = new Set<string>();
    for (const { name, ipam, driver } of networks()) {
      if (driver !== 'bridge') continue;
      for (const { subnet } of ipam.pools) {
        const own = parseSubnet(subnet);
        const clash = own && host.find(other => overlaps(other.subnet, own));
        if (!clash) continue;
        const key = `${name} ${clash.holder}`;
        found.add(key);
        if (this.#warned.has(key)) continue;
        logger.warn('the range of a network is in use on this host, too: what lies there cannot be reached', {
          network: name,
          subnet,
          holder: clash.holder,
          free: freeRange(subnet),
        });
      }
    }
    this.#warned.clear();
    for (const key of found) this.#warned.add(key);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#stream?.[Symbol.dispose]();
  }

  async #follow(stream: NotificationStream): Promise<void> {
    for await (const _batch of stream) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.check();
      }, CALM_MS).unref();
    }
  }
}
