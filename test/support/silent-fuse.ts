import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';

const DEVICE = '/dev/fuse';

/** Why there can be no such file system here. */
export const cannotMountFuse: string | false =
  process.getuid?.() === 0 && existsSync(DEVICE) ? false : 'needs root and /dev/fuse';

/**
 * A file system whose server says nothing: whoever asks for anything in it waits until it is disposed. Of the kernel's part there is
 * no more than the mount, so it answers not even who it is.
 */
export class SilentFuse implements Disposable {
  #fd: number | undefined;
  readonly #within: readonly string[];
  readonly #path: string;

  /** @param pid of a process in whose mount name space, and root, the path is; else it is the host's */
  constructor(path: string, pid?: number) {
    this.#path = path;
    this.#within = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-m'];
    this.#fd = openSync(DEVICE, 'r+');
    this.#run('mount', '-t', 'fuse', '-o', 'fd=3,rootmode=40000,user_id=0,group_id=0', 'silent', path);
  }

  /** Its server ends: who waits gets an error. */
  end(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.end();
    try {
      this.#run('umount', '-l', this.#path);
    } catch {
      // the name space has gone with its container
    }
  }

  #run(...words: readonly string[]): void {
    const [program = '', ...args] = [...this.#within, ...words];
    execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe', this.#fd ?? 'ignore'] });
  }
}
