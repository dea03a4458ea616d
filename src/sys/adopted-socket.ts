import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { O_CLOEXEC, type OwnedFd } from './descriptors.ts';
import { check, declare } from './libc.ts';

const socketpair = declare('int socketpair(int domain, int type, int protocol, _Out_ int *fds)');
const dup3 = declare('int dup3(int from, int to, int flags)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** Reads into memory of the caller's, see `onread` of `net.Socket`. */
export interface PacketReader {
  /** for every read, and may be shared by sockets: it is filled just before `onPacket`. A longer packet is cut. */
  readonly memory: Buffer;
  /** What was read lies at the start of `memory`. @returns whether to read on; otherwise `resume()` does. */
  readonly onPacket: (length: number) => boolean;
}

/**
 * Makes a `net.Socket` of a non-blocking descriptor of any kind that poll(2) knows, also of those that Node refuses:
 * SOCK_SEQPACKET sockets, where each read is one packet and each write becomes one, or pidfds.
 *
 * The socket gets one end of a stream pair, and before the event loop looks at it the number is made to mean the
 * given descriptor. From then on libuv only polls, reads, writes and shuts down, which is the same for all.
 *
 * @param reader `stream`: read as any stream, one packet a chunk; `none`: the socket only writes.
 */
export function adopt(fd: OwnedFd, reader: PacketReader | 'stream' | 'none'): Socket {
  const pair = [-1, -1];
  check('socketpair', socketpair(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, pair));
  const [inner = -1, other = -1] = pair;
  closeSync(other);
  const socket = new Socket({
    fd: inner,
    readable: reader !== 'none',
    writable: true,
    allowHalfOpen: true,
    ...(typeof reader === 'object' && { onread: { buffer: reader.memory, callback: reader.onPacket } }),
  });
  check('dup3', dup3(fd.number, inner, O_CLOEXEC));
  fd[Symbol.dispose]();
  return socket;
}
