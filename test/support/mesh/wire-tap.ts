import { closeSync } from 'node:fs';
import { check, declare } from '#sys/libc';
import { inNetns } from '#sys/netns';

const socket = declare('int socket(int domain, int type, int protocol)');
const bind = declare('int bind(int fd, const void *address, unsigned int length)');
const setsockopt = declare(
  'int setsockopt(int fd, int level, int name, const void *value, unsigned int size)',
);
const recv = declare('int64_t recv(int fd, void *buffer, size_t length, int flags)');
const send = declare('int64_t send(int fd, const void *buffer, size_t length, int flags)');
const ifIndex = declare('unsigned int if_nametoindex(const char *name)');

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_FLAGS = 0o4000 | 0o2000000;
const ETH_P_ALL = 0x0003;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const BUFFER_BYTES = 16 * 1024 * 1024;
const FRAME_BYTES = 65_536;
const DRAIN_MS = 5;

/** offsets in an Ethernet frame with IPv4 without options and UDP: packet(7), RFC 791, RFC 768 */
const IP_PROTOCOL = 23;
const IP_FROM = 26;
const IP_TO = 30;
const UDP_CHECKSUM = 40;
const UDP_DATA = 42;
const UDP = 17;

/** Somebody on a link between hosts who sees all that passes, and can send what he likes. */
export class WireTap implements Disposable {
  readonly frames: Buffer[] = [];
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;

  /** @param link an interface in the name space `netns` */
  constructor(netns: string, link: string) {
    this.#fd = inNetns(netns, () => {
      const fd = check('socket', socket(AF_PACKET, SOCK_RAW | SOCK_FLAGS, ETH_P_ALL << 8), link);
      const address = Buffer.alloc(20); // struct sockaddr_ll
      address.writeUInt16LE(AF_PACKET, 0);
      address.writeUInt16BE(ETH_P_ALL, 2);
      address.writeInt32LE(ifIndex(link), 4);
      check('bind', bind(fd, address, address.length), link);
      const size = Buffer.from(Int32Array.of(BUFFER_BYTES).buffer);
      check('setsockopt', setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length), link);
      return fd;
    });
    this.#timer = setInterval(() => this.drain(), DRAIN_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }

  /** Reads what has passed so far. */
  drain(): void {
    const buffer = Buffer.alloc(FRAME_BYTES);
    for (;;) {
      const count = recv(this.#fd, buffer, buffer.length, 0);
      if (count < 0) return;
      this.frames.push(Buffer.from(buffer.subarray(0, count)));
    }
  }

  /** UDP packets from one host to another that were seen */
  between(from: string, to: string): Buffer[] {
    this.drain();
    const [source, target] = [from, to].map(address => Buffer.from(address.split('.').map(Number)));
    return this.frames.filter(
      frame =>
        frame[IP_PROTOCOL] === UDP &&
        source?.equals(frame.subarray(IP_FROM, IP_FROM + 4)) &&
        target?.equals(frame.subarray(IP_TO, IP_TO + 4)),
    );
  }

  /** Sends a packet that was seen once more, with something else in it if one likes; the host it goes to cannot tell it from a real one. */
  sendAgain(frame: Buffer, change: (data: Buffer) => void = () => undefined): void {
    const copy = Buffer.from(frame);
    copy.writeUInt16BE(0, UDP_CHECKSUM); // none: the kernel must not be the one who refuses it
    change(copy.subarray(UDP_DATA));
    check('send', send(this.#fd, copy, copy.length, 0), 'frame');
  }
}
