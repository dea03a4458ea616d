import { endianness } from 'node:os';
import { O_CLOEXEC, O_NONBLOCK, OwnedFd } from './descriptors.ts';
import { check, declare } from './libc.ts';

const socket = declare('int socket(int domain, int type, int protocol)');
const sendto = declare(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int addressLength)',
);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_NOSIGNAL = 0x4000;
/** unix(7): sun_path */
const SUN_PATH_BYTES = 108;

/** What a service manager is told, by its names (sd_notify(3)): `READY`, `STATUS`, `STOPPING`, … */
export type ServiceNotice = Readonly<Record<string, string>>;

/**
 * Tells the service manager that started us how things stand: one datagram to the socket it named in `NOTIFY_SOCKET`.
 * Never waits: a manager that does not read is not told.
 *
 * @throws {SysError} when the socket is not there or full.
 */
export function sendNotice(socketPath: string, notice: ServiceNotice): void {
  const address = socketAddress(socketPath);
  const lines = Object.entries(notice).map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`);
  const data = Buffer.from(lines.join('\n'));
  using fd = new OwnedFd(
    check('socket', socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC | O_NONBLOCK, 0), socketPath),
  );
  check('sendto', sendto(fd.number, data, data.length, MSG_NOSIGNAL, address, address.length), socketPath);
}

/** `sockaddr_un`; a leading `@` stands for the zero byte of an abstract name, whose length counts. */
export function socketAddress(path: string): Buffer {
  const name = Buffer.from(path);
  if (!/^[/@]./.test(path) || name.length >= SUN_PATH_BYTES) {
    throw new RangeError(`"${path}" is not the address of a service manager's socket`);
  }
  const bytes = Buffer.alloc(2 + name.length + (path.startsWith('@') ? 0 : 1));
  bytes[endianness() === 'LE' ? 0 : 1] = AF_UNIX; // sa_family_t: 16 bits in the machine's order
  name.copy(bytes, 2);
  if (path.startsWith('@')) bytes[2] = 0;
  return bytes;
}
