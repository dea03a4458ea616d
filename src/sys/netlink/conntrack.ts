import { release } from 'node:os';
import { isErrno } from '../sys-error.ts';
import { deleteFlow, deleteFlows, type FlowFilter, listFlows } from './conntrack-requests.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink-socket.ts';

/**
 * Tracked connections of the network name space it was made in. To be kept: closing a netfilter socket can take 10 ms.
 */
export class Conntrack implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Makes the kernel forget connections: their next packet is looked at as a first one. Each filter costs a walk
   * through the table, on another thread where the kernel can do it in one go (6.11). One call at a time.
   *
   * @throws {SysError}
   */
  async forget(filters: readonly FlowFilter[]): Promise<void> {
    if (filters.length === 0) return;
    const work = this.#last.then(() => this.#forget(filters));
    this.#last = work.catch(() => undefined);
    await work;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  async #forget(filters: readonly FlowFilter[]): Promise<void> {
    const outcomes = await this.#socket.outcomesInBackground(filters.map(deleteFlows));
    for (const [index, { error }] of outcomes.entries()) {
      const filter = filters[index];
      if (error && !isErrno(error, 'EINVAL', 'EOPNOTSUPP')) throw error;
      if (error && filter && canList()) forgetOneByOne(this.#socket, filter);
    }
  }
}

/** What {@link Conntrack.forget} does on older kernels. */
export function forgetOneByOne(socket: NetlinkSocket, filter: FlowFilter): void {
  const deletions = socket.dump(listFlows(filter)).flatMap(({ payload }) => deleteFlow(payload) ?? []);
  for (let start = 0; start < deletions.length; start += BATCH) {
    for (const { error } of socket.outcomes(deletions.slice(start, start + BATCH))) {
      if (error && !isErrno(error, 'ENOENT')) throw error; // it ended by itself
    }
  }
}

/** Before 5.8 a listing is not filtered, and deleting all of it is not meant. The entries run out by themselves. */
function canList(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

/** Their acknowledgements must fit in the socket's buffer. */
const BATCH = 64;
