import { closeSync, constants, openSync } from 'node:fs';
import { endianness } from 'node:os';
import { basename, dirname } from 'node:path';
import { O_CLOEXEC, O_NONBLOCK, OwnedFd } from './descriptors.ts';
import { check, declare } from './libc.ts';

const socket = declare('int socket(int domain, int type, int protocol)');
const connect = declare('int connect(int fd, const void *address, unsigned int length)');
const shutdown = declare('int shutdown(int fd, int how)');

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SHUT_RD = 0;
/** unix(7): sun_path with its terminating zero */
const SUN_PATH_BYTES = 108;

/**
 * Connects to a SOCK_SEQPACKET socket. Paths of any length are fine.
 *
 * @throws {SysError} `ENOENT` or `ECONNREFUSED` when nobody listens, `EAGAIN` when its queue is full.
 */
export function connectSeqpacket(path: string): OwnedFd {
  const fd = new OwnedFd(check('socket', socket(AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC | O_NONBLOCK, 0), path));
  try {
    if (Buffer.byteLength(path) < SUN_PATH_BYTES) {
      connectTo(fd.number, path, path);
    } else {
      const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        connectTo(fd.number, `/proc/self/fd/${directory}/${basename(path)}`, path);
      } finally {
        closeSync(directory);
      }
    }
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

function connectTo(fd: number, address: string, path: string): void {
  const bytes = Buffer.alloc(2 + SUN_PATH_BYTES);
  bytes[endianness() === 'LE' ? 0 : 1] = AF_UNIX; // sa_family_t: 16 bits in the machine's order
  bytes.write(address, 2, SUN_PATH_BYTES - 1);
  check('connect', connect(fd, bytes, bytes.length), path);
}

/** Tells the other side that nothing will be read here any more: its writes fail at once instead of waiting. */
export function refuseOutput(fd: number): void {
  check('shutdown', shutdown(fd, SHUT_RD));
}
