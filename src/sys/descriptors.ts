import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { check, declare } from './libc.ts';

/** Bare descriptors. All are made close-on-exec; `closeSync` of `node:fs` closes them. */

const pipe2 = declare('int pipe2(_Out_ int *fds, int flags)');
const fcntl = declare('int fcntl(int fd, int command, int argument)');
const memfdCreate = declare('int memfd_create(const char *name, unsigned int flags)');

/** fcntl.h; Node does not have all of these */
export const O_CLOEXEC = 0o2000000;
export const O_NONBLOCK = 0o4000;
export const O_PATH = 0o10000000;
const F_DUPFD_CLOEXEC = 1030;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Linux 6.3; required where `vm.memfd_noexec` is 1 */
const MFD_EXEC = 16;
const F_ADD_SEALS = 1033;
/** Neither to be written, grown or shrunk, nor unsealed. */
const F_SEAL_ALL = 1 | 2 | 4 | 8;

/** A descriptor that is closed when it goes out of scope, unless {@link take} moved it out. */
export class OwnedFd implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get number(): number {
    if (this.#fd < 0) throw new RangeError('the descriptor is closed, or someone else has it');
    return this.#fd;
  }

  /** Hands the descriptor over to the caller. */
  take(): number {
    const fd = this.number;
    this.#fd = -1;
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** pipe2(2), close-on-exec. */
export function createPipe(): { readonly reader: OwnedFd; readonly writer: OwnedFd } {
  const fds = [-1, -1];
  check('pipe2', pipe2(fds, O_CLOEXEC));
  return { reader: new OwnedFd(fds[0] ?? -1), writer: new OwnedFd(fds[1] ?? -1) };
}

/** A file in memory without a name: takes a program's messages without anyone having to read along. */
export function createMemoryFile(name: string): OwnedFd {
  return new OwnedFd(check('memfd_create', memfdCreate(name, MFD_CLOEXEC)));
}

/**
 * A file in memory that can be executed, with a content that nobody can change any more.
 *
 * @throws {SysError} where the kernel or its settings do not allow it.
 */
export function createSealedFile(name: string, content: Buffer): OwnedFd {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let number = memfdCreate(name, flags | MFD_EXEC);
  if (number === -1) number = memfdCreate(name, flags); // a kernel that does not know MFD_EXEC
  const fd = new OwnedFd(check('memfd_create', number, name));
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd.number, content, at);
    check('fcntl', fcntl(fd.number, F_ADD_SEALS, F_SEAL_ALL), name);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** The last `maxBytes` of a file, as text. */
export function readTail(fd: number, maxBytes: number): string {
  const { size } = fstatSync(fd);
  const buffer = Buffer.alloc(Math.min(size, maxBytes));
  const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
  return buffer.toString('utf8', 0, length);
}

/** A close-on-exec copy of `fd` with a number of at least `lowest`. */
export function dupAbove(fd: number, lowest: number): number {
  return check('fcntl', fcntl(fd, F_DUPFD_CLOEXEC, lowest));
}
