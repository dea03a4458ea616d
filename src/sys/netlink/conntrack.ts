import { release } from 'node:os';
import { isErrno } from '../sys-error.ts';
import { deleteFlow, deleteFlows, type FlowFilter, listFlows } from './conntrack-requests.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink-socket.ts';

/**
 * Makes the kernel forget tracked connections of this network name space: their next packet is looked at as a first
 * one. Each filter costs a walk through the table, on another thread where the kernel can do it in one go (6.11).
 *
 * @throws {SysError}
 */
export async function forgetFlows(filters: readonly FlowFilter[]): Promise<void> {
  if (filters.length === 0) return;
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  const outcomes = await socket.outcomesInBackground(filters.map(deleteFlows));
  for (const [index, { error }] of outcomes.entries()) {
    const filter = filters[index];
    if (error && !isErrno(error, 'EINVAL', 'EOPNOTSUPP')) throw error;
    if (error && filter && canList()) forgetOneByOne(socket, filter);
  }
}

/** What {@link forgetFlows} does on older kernels. */
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
