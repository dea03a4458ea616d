import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import type { ProgramJail } from './program-jail.ts';

const PROGRAMS = ['/usr/bin/mkfs.erofs', '/usr/sbin/mkfs.erofs', '/sbin/mkfs.erofs'];
/** What is compressed at once: more saves space, less is read for one byte. */
const CLUSTER_BYTES = 65_536;
/** It writes whole ones. */
const BLOCK_BYTES = 4096;
/** It remembers every name. */
const MEMORY_BYTES = 2 * 1024 ** 3;
/** A tenth of what it does on a slow machine. */
const MIN_BYTES_PER_CPU_SECOND = 2_000_000;
const MIN_CPU_SECONDS = 60;
/** It gives way to everybody. */
const CPU_SHARE = 1 / 20;

/** The program that makes EROFS file systems (Debian: erofs-utils); `undefined` when it is not installed. */
export function erofsProgram(): string | undefined {
  return PROGRAMS.find(path => existsSync(path));
}

/** Makes compressed EROFS file systems of trees that nobody knows anything good about: in a jail. */
export class ErofsMaker {
  readonly #program: string;
  readonly #jail: Pick<ProgramJail, 'run'>;

  constructor({ program, jail }: { readonly program: string; readonly jail: Pick<ProgramJail, 'run'> }) {
    this.#program = program;
    this.#jail = jail;
  }

  /**
   * Makes one (LZ4) of the tree `from`: names, owners, modes, times, links, devices and extended attributes but `trusted.` ones as they
   * are. A failure leaves a part of the file `to`, which must not be there before.
   *
   * @returns false when it would be larger than `maxBytes`.
   * @throws an error with what the program said; the signal ends it.
   */
  async make({
    from,
    to,
    maxBytes,
    signal,
  }: {
    readonly from: string;
    readonly to: string;
    readonly maxBytes: number;
    readonly signal: AbortSignal;
  }): Promise<boolean> {
    closeSync(openSync(to, 'wx', 0o600));
    const cpuSeconds = MIN_CPU_SECONDS + Math.ceil(maxBytes / MIN_BYTES_PER_CPU_SECOND);
    const { status, output } = await this.#jail.run(
      {
        file: this.#program,
        args: ['-zlz4', `-C${CLUSTER_BYTES}`, '--preserve-mtime', '--quiet', '/image', '/tree'],
        readable: new Map([['/tree', from]]),
        writable: new Map([['/image', to]]),
        limits: { fileBytes: maxBytes, memoryBytes: MEMORY_BYTES, cpuSeconds },
        timeoutMs: (cpuSeconds * 1000) / CPU_SHARE,
      },
      { signal },
    );
    if (status === 0) return true;
    if (statSync(to).size + BLOCK_BYTES > maxBytes) return false; // versions say it in their own ways
    throw new Error(`${this.#program}: ${output || `status ${status}`}`);
  }
}
