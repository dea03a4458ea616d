import { closeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { O_CLOEXEC, O_PATH } from './descriptors.ts';
import { check, declare } from './libc.ts';

const CLONE_FS = 0x200;
const O_DIRECTORY = 0o200000;

const cUnshare = declare('int unshare(int flags)');
const cChroot = declare('int chroot(const char *path)');
const cChdir = declare('int chdir(const char *path)');
const cFchdir = declare('int fchdir(int fd)');
const cUmask = declare('unsigned int umask(unsigned int mask)');
const cOpen = declare('int open(const char *path, int flags, unsigned int mode)');

/**
 * Lets a worker thread go into a jail: a root directory of its own for this thread alone, inside which every path
 * of an untrusted tree resolves as it would in a container. Links cannot lead out.
 *
 * Inside, only synchronous `node:fs` calls and our own FFI calls may happen. Nothing may be executed, imported or
 * loaded, not even by the C library (host names, users): it would come from the untrusted tree.
 */
export class ThreadJail implements Disposable {
  readonly #home: number;
  #isInside = false;

  /** Unshares root, working directory and umask (which becomes 0) from the process. Cannot be undone for a thread. */
  constructor() {
    // On the main thread this would move the whole engine into the jail.
    if (isMainThread) throw new TypeError('a jail is for worker threads');
    check('unshare', cUnshare(CLONE_FS), 'CLONE_FS');
    cUmask(0);
    this.#home = check('open', cOpen('/', O_PATH | O_DIRECTORY | O_CLOEXEC, 0), '/');
  }

  /** Makes `directory` (trusted path) the thread's root until the result is disposed. @throws {SysError} */
  enter(directory: string): Disposable {
    if (this.#isInside) throw new TypeError('the thread is in a jail already');
    check('chroot', cChroot(directory), directory);
    this.#isInside = true;
    check('chdir', cChdir('/'), directory);
    return { [Symbol.dispose]: () => this.#leave() };
  }

  [Symbol.dispose](): void {
    closeSync(this.#home);
  }

  #leave(): void {
    check('fchdir', cFchdir(this.#home));
    check('chroot', cChroot('.'));
    this.#isInside = false;
  }
}
