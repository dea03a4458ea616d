import { O_CLOEXEC, O_NONBLOCK, OwnedFd } from '../descriptors.ts';
import { check, declare, declareAsync, lastErrno } from '../libc.ts';
import { isErrno, SysError } from '../sys-error.ts';
import {
  align4,
  decodeAttributes,
  decodeReplies,
  encodeRequest,
  HEADER_BYTES,
  type NetlinkReply,
  type NetlinkRequest,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  readI32,
  readText,
  readU32,
} from './netlink-message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const RECEIVE_BYTES = 256 * 1024;

const socket = declare('int socket(int domain, int type, int protocol)');
const close = declare('int close(int fd)');
const bind = declare('int bind(int fd, const void *address, uint32_t size)');
const setsockopt = declare('int setsockopt(int fd, int level, int name, const void *value, uint32_t size)');
const sendto = declare(
  'int64_t sendto(int fd, const void *data, size_t size, int flags, const void *address, uint32_t addressSize)',
);
const recv = declare('int64_t recv(int fd, void *data, size_t size, int flags)');
const sendtoAsync = declareAsync(
  'int64_t sendto(int fd, const void *data, size_t size, int flags, const void *address, uint32_t addressSize)',
);

/** `struct sockaddr_nl` of the kernel: port 0, no groups. */
const KERNEL = Buffer.from([AF_NETLINK & 0xff, AF_NETLINK >> 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const one = Buffer.from(Int32Array.of(1).buffer);
const received = Buffer.alloc(RECEIVE_BYTES);

/** What one request of a batch came to: `error` is undefined when the kernel acknowledged it. */
export interface NetlinkOutcome {
  readonly request: NetlinkRequest;
  readonly replies: readonly NetlinkReply[];
  readonly error: SysError | undefined;
}

/**
 * A netlink socket for requests. It stays in the network name space it was opened in, whatever the thread does later.
 *
 * The kernel works requests off inside `sendto` and has queued the answers when that returns: nothing here waits
 * for anyone but the kernel's own locks.
 */
export class NetlinkSocket implements Disposable {
  readonly fd: number;
  #sequence = 1;
  #isOpen = true;
  #isBusy = false;

  /** @throws {SysError} */
  constructor(protocol: number) {
    this.fd = check('socket', socket(AF_NETLINK, SOCK_RAW | O_NONBLOCK | O_CLOEXEC, protocol), 'netlink');
    // Short acknowledgements with the kernel's own words; kernels before 4.12 lack them and the rest still works.
    setsockopt(this.fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
    setsockopt(this.fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
    if (protocol === NETLINK_ROUTE) setsockopt(this.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, one, 4);
  }

  /** Sends all requests in one go and throws for the first that failed; the kernel tried the others all the same. */
  run(...requests: readonly NetlinkRequest[]): void {
    throwFirst(this.outcomes(requests));
  }

  /**
   * Like {@link run}, with the kernel's work on a thread of Node's pool: for what takes long, such as deleting links
   * (about 30 ms). The socket must not be used for anything else meanwhile.
   */
  async runInBackground(...requests: readonly NetlinkRequest[]): Promise<void> {
    throwFirst(await this.outcomesInBackground(requests));
  }

  /** Sends all requests in one go. Never throws for a refused request. */
  outcomes(requests: readonly NetlinkRequest[]): NetlinkOutcome[] {
    if (this.#isBusy) throw new RangeError('netlink socket is busy in the background');
    const { bytes, first } = this.#encode(requests);
    check('sendto', sendto(this.fd, bytes, bytes.length, 0, KERNEL, KERNEL.length), 'netlink');
    return this.#collect(requests, first);
  }

  async outcomesInBackground(requests: readonly NetlinkRequest[]): Promise<NetlinkOutcome[]> {
    if (this.#isBusy) throw new RangeError('netlink socket is busy in the background');
    const { bytes, first } = this.#encode(requests);
    this.#isBusy = true;
    try {
      const sent = await sendtoAsync(this.fd, bytes, bytes.length, 0, KERNEL, KERNEL.length);
      if (sent < 0) throw new SysError('sendto', 0, 'netlink in the background');
    } finally {
      this.#isBusy = false;
      if (!this.#isOpen) close(this.fd);
    }
    return this.#isOpen ? this.#collect(requests, first) : [];
  }

  /**
   * Sends a transaction of nftables: all of it takes effect, or nothing. The first and the last request are its begin
   * and end, which older kernels do not acknowledge.
   *
   * @throws {SysError} for the first request that failed.
   */
  runTransaction(requests: readonly NetlinkRequest[]): void {
    const first = this.#sequence;
    this.#sequence = (this.#sequence + requests.length) >>> 0;
    const lastChange = requests.length - 2;
    const bytes = Buffer.concat(
      requests.map((request, index) =>
        encodeRequest(index === lastChange ? withAck(request) : request, (first + index) >>> 0),
      ),
    );
    check('sendto', sendto(this.fd, bytes, bytes.length, 0, KERNEL, KERNEL.length), 'netlink');
    let isDone = false;
    while (!isDone) {
      for (const reply of this.#receive('transaction')) {
        const index = reply.sequence - first;
        if (reply.type !== NLMSG_ERROR || index < 0) continue;
        if (readI32(reply.payload, 0) !== 0) throw errorOf(requests[index]?.what ?? 'transaction', reply);
        isDone ||= index === lastChange;
      }
    }
  }

  /** All parts of a dump. @throws {SysError} */
  dump(request: NetlinkRequest): NetlinkReply[] {
    const { bytes, first } = this.#encode([{ ...request, flags: request.flags | NLM_F_DUMP }]);
    check('sendto', sendto(this.fd, bytes, bytes.length, 0, KERNEL, KERNEL.length), request.what);
    const replies: NetlinkReply[] = [];
    for (;;) {
      for (const reply of this.#receive(request.what)) {
        if (reply.sequence !== first) continue;
        if (reply.type === NLMSG_DONE) return replies;
        if (reply.type === NLMSG_ERROR) throw errorOf(request.what, reply);
        replies.push({ ...reply, payload: Buffer.from(reply.payload) });
      }
    }
  }

  /** Joins multicast groups, once, see `notification-stream.ts`. @throws {SysError} */
  join(...groups: readonly number[]): void {
    // Only a socket with an address gets multicast; the kernel gives it a free one.
    check('bind', bind(this.fd, KERNEL, KERNEL.length), 'netlink');
    for (const group of groups) {
      const value = Buffer.from(Int32Array.of(group).buffer);
      check(
        'setsockopt',
        setsockopt(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value, 4),
        `group ${group}`,
      );
    }
  }

  /** All notifications that have come in and were not read yet. @returns `lost` when the kernel had to drop some. */
  drain(): NetlinkReply[] | 'lost' {
    const replies: NetlinkReply[] = [];
    let isComplete = true;
    for (;;) {
      const size = Number(recv(this.fd, received, received.length, MSG_DONTWAIT));
      if (size > 0) {
        const batch = decodeReplies(received.subarray(0, size));
        replies.push(...batch.map(reply => ({ ...reply, payload: Buffer.from(reply.payload) })));
        continue;
      }
      const error = new SysError('recv', lastErrno(), 'netlink');
      if (size === 0 || isErrno(error, 'EAGAIN')) return isComplete ? replies : 'lost';
      if (!isErrno(error, 'ENOBUFS', 'EINTR')) throw error;
      if (isErrno(error, 'ENOBUFS')) isComplete = false;
    }
  }

  /** Room for `bytes` of answers or notifications that were not read yet; needs CAP_NET_ADMIN, else ignored. */
  setReceiveBuffer(bytes: number): void {
    setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, Buffer.from(Int32Array.of(bytes).buffer), 4);
  }

  /** Hands the descriptor over; the socket itself is closed then. */
  take(): OwnedFd {
    if (!this.#isOpen || this.#isBusy) throw new RangeError('netlink socket is closed or busy');
    this.#isOpen = false;
    return new OwnedFd(this.fd);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#isBusy) close(this.fd);
  }

  #encode(requests: readonly NetlinkRequest[]): { bytes: Buffer; first: number } {
    if (!this.#isOpen) throw new RangeError('netlink socket is closed');
    const first = this.#sequence;
    this.#sequence = (this.#sequence + requests.length) >>> 0;
    const bytes = Buffer.concat(
      requests.map((request, index) => encodeRequest(withAck(request), (first + index) >>> 0)),
    );
    return { bytes, first };
  }

  #collect(requests: readonly NetlinkRequest[], first: number): NetlinkOutcome[] {
    const replies: NetlinkReply[][] = requests.map(() => []);
    const outcomes: NetlinkOutcome[] = [];
    while (outcomes.length < requests.length) {
      for (const reply of this.#receive(requests[outcomes.length]?.what ?? 'netlink')) {
        const index = reply.sequence - first;
        const request = requests[index];
        if (!request) continue; // an answer to something given up earlier
        if (reply.type !== NLMSG_ERROR) {
          replies[index]?.push({ ...reply, payload: Buffer.from(reply.payload) });
          continue;
        }
        const error = readI32(reply.payload, 0) === 0 ? undefined : errorOf(request.what, reply);
        outcomes.push({ request, replies: replies[index] ?? [], error });
      }
    }
    return outcomes;
  }

  #receive(what: string): NetlinkReply[] {
    const size = check('recv', recv(this.fd, received, received.length, MSG_DONTWAIT), what);
    return decodeReplies(received.subarray(0, size));
  }
}

function throwFirst(outcomes: readonly NetlinkOutcome[]): void {
  for (const { error } of outcomes) if (error) throw error;
}

function withAck(request: NetlinkRequest): NetlinkRequest {
  const isDump = (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
  return isDump ? request : { ...request, flags: request.flags | NLM_F_ACK };
}

/** The error of an NLMSG_ERROR, with the kernel's explanation when it gives one (extended acknowledgement). */
export function errorOf(what: string, reply: NetlinkReply): SysError {
  const errno = -readI32(reply.payload, 0);
  let explanation = '';
  if ((reply.flags & NLM_F_ACK_TLVS) !== 0) {
    const NLM_F_CAPPED = 0x100;
    const quoted = (reply.flags & NLM_F_CAPPED) !== 0 ? HEADER_BYTES : readU32(reply.payload, 4);
    const message = decodeAttributes(reply.payload, 4 + align4(quoted)).get(NLMSGERR_ATTR_MSG);
    if (message) explanation = `: ${readText(message)}`;
  }
  return new SysError('netlink', errno, `${what}${explanation}`);
}
