import { closeSync } from 'node:fs';
import { check, declare } from './libc.ts';
import { isLittleEndian, u32 } from './netlink/netlink-message.ts';
import { isErrno } from './sys-error.ts';

/** Internet sockets made by hand, where Node cannot say what we need: bound without listening, dual-stack, by protocol. */

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPPROTO_SCTP = 132;
const IPV6_V6ONLY = 26;
const MSG_NOSIGNAL = 0x4000;
const ON = Buffer.from(Int32Array.of(1).buffer);
const OFF = Buffer.from(Int32Array.of(0).buffer);

const socket = declare('int socket(int domain, int type, int protocol)');
const setsockopt = declare('int setsockopt(int fd, int level, int name, const void *value, uint32_t size)');
const bind = declare('int bind(int fd, const void *address, uint32_t size)');
const listen = declare('int listen(int fd, int backlog)');
const connect = declare('int connect(int fd, const void *address, uint32_t size)');
const send = declare('int64_t send(int fd, const void *data, size_t size, int flags)');

export interface ReserveOptions {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** 4 or 16 bytes in network order */
  readonly address: Buffer;
  readonly port: number;
  /** with the IPv6 wildcard: take the IPv4 wildcard as well */
  readonly isDualStack?: boolean;
}

/**
 * Takes a port: nobody else can bind it until the descriptor is closed. TCP ports listen, so that whoever asks for
 * `SO_REUSEADDR` is refused too, and so that connections left by an earlier listener do not stand in our way.
 *
 * @returns a non-blocking descriptor that Node can adopt (`server.listen({ fd })`, `dgram.bind({ fd })`).
 * @throws {SysError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`; `EPROTONOSUPPORT` for SCTP without kernel support.
 */
export function reservePort(options: ReserveOptions): number {
  const isIpv6 = options.address.length === 16;
  const fd = check(
    'socket',
    socket(
      isIpv6 ? AF_INET6 : AF_INET,
      (options.protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
      options.protocol === 'sctp' ? IPPROTO_SCTP : 0,
    ),
    options.protocol,
  );
  try {
    const target = `${options.protocol} port ${options.port}`;
    if (options.protocol !== 'udp') setOption(fd, SOL_SOCKET, SO_REUSEADDR, ON);
    if (isIpv6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.isDualStack ? OFF : ON);
    const address = socketAddress(options.address, options.port);
    check('bind', bind(fd, address, address.length), target);
    if (options.protocol !== 'udp') check('listen', listen(fd, 511), target);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** An address to connect to; link-local ones of IPv6 need the index of their interface. */
export interface InetPeer {
  /** 4 or 16 bytes in network order */
  readonly address: Buffer;
  readonly port: number;
  readonly interfaceIndex?: number;
}

/**
 * A connected UDP socket, or a TCP socket that is being connected: a failure shows with the first write or read. Its
 * own port is one that the kernel picks at random.
 *
 * @returns a non-blocking descriptor that Node can adopt. It stays in the name space it was made in.
 * @throws {SysError} `ENETUNREACH`, `EHOSTUNREACH`, …
 */
export function connectSocket(protocol: 'tcp' | 'udp', peer: InetPeer): number {
  const isIpv6 = peer.address.length === 16;
  const type = (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check('socket', socket(isIpv6 ? AF_INET6 : AF_INET, type, 0), protocol);
  try {
    const address = socketAddress(peer.address, peer.port);
    if (isIpv6) u32(peer.interfaceIndex ?? 0).copy(address, 24);
    check('connect', connect(fd, address, address.length), protocol);
  } catch (error) {
    if (isErrno(error, 'EINPROGRESS')) return fd;
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** Sends on a connected UDP socket. @throws {SysError} `ECONNREFUSED` for an earlier packet, `EAGAIN`. */
export function sendDatagram(fd: number, data: Buffer): void {
  check('send', send(fd, data, data.length, MSG_NOSIGNAL), 'datagram');
}

function setOption(fd: number, level: number, name: number, value: Buffer): void {
  check('setsockopt', setsockopt(fd, level, name, value, value.length), String(name));
}

/** `struct sockaddr_in` or `sockaddr_in6` */
export function socketAddress(address: Buffer, port: number): Buffer {
  const isIpv6 = address.length === 16;
  const bytes = Buffer.alloc(isIpv6 ? 28 : 16);
  bytes[isLittleEndian ? 0 : 1] = isIpv6 ? AF_INET6 : AF_INET;
  bytes.writeUInt16BE(port, 2);
  address.copy(bytes, isIpv6 ? 8 : 4);
  return bytes;
}
