import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupSupport } from './cgroup.ts';

/** The hierarchy of `FavoredCgroupMoves`: it is there for as long as an engine has moves favored. */
const FAVORED = /^\d+:name=quai:/m;

/** Where the files are; tests point it at a folder. */
export interface MoveWaitSources {
  readonly proc: string;
  readonly pid: number;
}

/**
 * Waits for the kernel ahead of time. Moving a process into another control group takes a lock that waits for a grace
 * period of RCU, 8 ms on average and up to 20; another move within some 15 ms of it does not wait (the kernel's
 * `cgroup_threadgroup_rwsem`, kernel/rcu/sync.c). Whoever knows that a process is about to be started calls
 * {@link begin}: it moves this process to where it is already, on a thread of its own, and the wait falls together with
 * everything else that happens before the runtime moves the new process.
 */
export class CgroupMoveWait {
  readonly #cgroups: Pick<CgroupSupport, 'version' | 'hierarchies'>;
  readonly #sources: MoveWaitSources;
  #isRunning = false;

  constructor(
    cgroups: Pick<CgroupSupport, 'version' | 'hierarchies'>,
    sources: MoveWaitSources = { proc: '/proc', pid: process.pid },
  ) {
    this.#cgroups = cgroups;
    this.#sources = sources;
  }

  /** Resolves when the wait is over. Never fails, because a host where it does not work is only slower. */
  async begin(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      const file = this.#ownFile();
      if (file !== undefined) await writeFile(file, `${this.#sources.pid}`, { flag: 'r+' });
    } catch {
      // nothing to gain here
    } finally {
      this.#isRunning = false;
    }
  }

  /** Looked up each time: something else may have moved us. */
  #ownFile(): string | undefined {
    const { proc } = this.#sources;
    const own = readFileSync(join(proc, 'self/cgroup'), 'utf8');
    if (FAVORED.test(own)) return undefined; // then no move waits
    for (const [controller, root] of this.#cgroups.hierarchies) {
      const pattern =
        this.#cgroups.version === 2
          ? /^0::(\/.*)$/m
          : new RegExp(`^\\d+:(?:.*,)?${controller}(?:,.*)?:(/.*)$`, 'm');
      const path = pattern.exec(own)?.[1];
      if (path !== undefined) return join(root, path, 'cgroup.procs');
    }
    return undefined;
  }
}
