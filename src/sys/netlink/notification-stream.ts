import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { check, declare } from '../libc.ts';
import { decodeReplies, type NetlinkReply } from './netlink-message.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;

const socketpair = declare('int socketpair(int domain, int type, int protocol, void *fds)');
const dup3 = declare('int dup3(int from, int to, int flags)');

export interface NotificationStream extends AsyncIterable<readonly NetlinkReply[]>, Disposable {}

/**
 * Reads a netlink socket's multicast messages on the event loop, one batch per datagram. Takes the socket over.
 * Does not keep the process alive. Ends with an error (`ENOBUFS`) when the kernel had to drop messages.
 *
 * Node refuses descriptors of unknown families, so it is given one end of a stream pair, whose number is then
 * pointed at the netlink socket: reads of one datagram each are all that libuv does with it.
 */
export function notificationStream(netlink: NetlinkSocket): NotificationStream {
  const pair = new Int32Array(2);
  const bytes = Buffer.from(pair.buffer);
  check('socketpair', socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, bytes));
  const [adopted = -1, spare = -1] = pair;
  const socket = new Socket({ fd: adopted, readable: true, writable: false });
  check('dup3', dup3(netlink.fd, adopted, O_CLOEXEC));
  closeSync(spare);
  netlink[Symbol.dispose]();
  socket.unref();
  let isDisposed = false;
  return {
    async *[Symbol.asyncIterator]() {
      // Each chunk is a datagram: libuv asks for 64 KiB and the kernel never joins two in one read.
      try {
        for await (const chunk of socket) {
          // A socket without encoding yields buffers only.
          yield decodeReplies(chunk as Buffer);
        }
      } catch (error) {
        if (!isDisposed) throw error;
      }
    },
    [Symbol.dispose]: () => {
      isDisposed = true;
      socket.destroy();
    },
  };
}
