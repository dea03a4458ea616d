import { closeSync } from 'node:fs';
import { reservePort } from '#sys/inet-socket';
import { ensurePortRedirect } from '#sys/netlink/port-redirect';
import { inNetns } from '#sys/netns';
import { isErrno } from '#sys/sys-error';

/** 127.0.0.11, as every resolv.conf of Docker's says. */
const ADDRESS = Buffer.from([127, 0, 0, 11]);
const DNS_PORT = 53;
/**
 * Where the sockets really are: IANA has given this port to nobody. On port 53 itself they would keep a name server
 * in the container from listening on all its addresses, even for TCP alone.
 */
const OUR_PORT = 1023;
/** Downwards from there. */
const PORTS_TRIED = 16;
const TABLE = 'quai_dns';

export interface DnsSockets {
  readonly udp: number;
  readonly tcp: number;
}

/**
 * Opens the sockets of 127.0.0.11:53 in a container's network name space: 0.3 ms. Other sockets of an earlier life
 * may still be closing: then another port is taken.
 *
 * @throws {SysError}
 */
export function openSandboxSockets(netns: number): DnsSockets {
  return inNetns(netns, () => {
    const { sockets, port } = openAnywhere();
    try {
      ensurePortRedirect({ table: TABLE, address: ADDRESS, from: DNS_PORT, to: port });
      return sockets;
    } catch (error) {
      closeSync(sockets.udp);
      closeSync(sockets.tcp);
      throw error;
    }
  });
}

/** Both on one address and port. @throws {SysError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`. */
export function openDnsSockets(address: Buffer, port: number): DnsSockets {
  const udp = reservePort({ protocol: 'udp', address, port });
  try {
    return { udp, tcp: reservePort({ protocol: 'tcp', address, port }) };
  } catch (error) {
    closeSync(udp);
    throw error;
  }
}

function openAnywhere(): { readonly sockets: DnsSockets; readonly port: number } {
  for (let port = OUR_PORT; ; port -= 1) {
    try {
      return { sockets: openDnsSockets(ADDRESS, port), port };
    } catch (error) {
      if (!isErrno(error, 'EADDRINUSE') || port <= OUR_PORT - PORTS_TRIED) throw error;
    }
  }
}
