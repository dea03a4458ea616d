import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { CgroupSupport } from '#sys/cgroup';
import { isErrno } from '#sys/sys-error';

/** Beside the groups of containers, `/quai/<id>`, which have hexadecimal names. */
const GROUP = '/quai/supervisors';
/** What a service manager finds the processes of a service by, with version 1 and in a v2 mount beside it. */
const MANAGED_V1 = ['systemd', 'unified'] as const;

/** Where the files are; tests point it at a folder. */
export interface SupervisorGroupDeps {
  readonly cgroups: Pick<CgroupSupport, 'version' | 'hierarchies'>;
  readonly logger: Logger;
  readonly proc?: string;
  /** writes to a file that is there */
  readonly write?: (path: string, text: string) => Promise<void>;
}

/** Other engines share the group: one that ends removes it when it is empty, also between our making and our using it. */
const MOST_TRIES = 20;

/**
 * The control group of supervisors. A service manager, or the end of a login session, ends every process of the engine's
 * own group together (`systemctl kill`, an out-of-memory kill): what keeps containers alive must not be in there.
 * Where the engine is in no such group, supervisors stay beside it.
 */
export class SupervisorGroup implements Disposable {
  readonly #directories: readonly string[];
  readonly #logger: Logger;
  readonly #write: NonNullable<SupervisorGroupDeps['write']>;

  constructor({ cgroups, logger, proc = '/proc', write = writeTo }: SupervisorGroupDeps) {
    this.#logger = logger;
    this.#write = write;
    this.#directories = managedHierarchies(cgroups, readFileSync(join(proc, 'self/cgroup'), 'utf8')).map(
      root => join(root, GROUP),
    );
  }

  /** Takes a process out of the engine's group. Resolves when that is done; a failure is logged, and nothing else. */
  async take(pid: number): Promise<void> {
    for (const directory of this.#directories) {
      try {
        await this.#move(directory, pid);
      } catch (error) {
        if (isErrno(error, 'ESRCH')) return; // it has ended
        this.#logger.warn('cannot take a supervisor out of the engine’s control group', {
          pid,
          error: messageOf(error),
        });
      }
    }
  }

  async #move(directory: string, pid: number): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      try {
        return await this.#write(join(directory, 'cgroup.procs'), `${pid}`);
      } catch (error) {
        // Removed before the file was opened, or before it was written to.
        if (!isErrno(error, 'ENOENT', 'ENODEV') || tries === MOST_TRIES) throw error;
      }
    }
  }

  /** Leaves nothing behind when no supervisor is left. */
  [Symbol.dispose](): void {
    for (const directory of this.#directories) {
      try {
        rmdirSync(directory);
      } catch {
        // supervisors are in it, or it was never needed
      }
    }
  }
}

async function writeTo(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'r+' });
}

/** Roots of the hierarchies in which the engine is in a group of a service manager (proc_pid_cgroup(5)). */
function managedHierarchies(
  { version, hierarchies }: Pick<CgroupSupport, 'version' | 'hierarchies'>,
  own: string,
): string[] {
  const names = version === 2 ? ['systemd'] : MANAGED_V1;
  return names.flatMap(name => {
    const root = hierarchies.get(name);
    const pattern = version === 2 || name === 'unified' ? /^0::(\/.*)$/m : /^\d+:name=systemd:(\/.*)$/m;
    const group = pattern.exec(own)?.[1] ?? '/';
    return root === undefined || group === '/' || group === GROUP ? [] : [root];
  });
}
