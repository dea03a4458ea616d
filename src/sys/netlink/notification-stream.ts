import { adopt } from '../adopted-socket.ts';
import { decodeReplies, type NetlinkReply } from './netlink-message.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

export interface NotificationStream extends AsyncIterable<readonly NetlinkReply[]>, Disposable {}

/**
 * Reads a netlink socket's multicast messages on the event loop, one batch per datagram. Takes the socket over.
 * Does not keep the process alive. Ends with an error (`ENOBUFS`) when the kernel had to drop messages.
 */
export function notificationStream(netlink: NetlinkSocket): NotificationStream {
  const socket = adopt(netlink.take(), 'stream');
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
