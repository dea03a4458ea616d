import { closeSync, fstatSync, readSync } from 'node:fs';
import { check, declare } from './libc.ts';

/** Bare descriptors. All are made close-on-exec; `closeSync` of `node:fs` closes them. */

const pipe2 = declare('int pipe2(_Out_ int *fds, int flags)');
const fcntl = declare('int fcntl(int fd, int command, int argument)');
const memfdCreate = declare('int memfd_create(const char *name, unsigned int flags)');

export const O_CLOEXEC = 0o2000000;
export const O_NONBLOCK = 0o4000;
const F_DUPFD_CLOEXEC = 1030;
const MFD_CLOEXEC = 1;

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
