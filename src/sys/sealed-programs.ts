import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { createSealedFile, type OwnedFd } from './descriptors.ts';
import { SysError } from './sys-error.ts';

interface Copy {
  readonly identity: string;
  /** absent where this host makes no such copies */
  readonly fd: OwnedFd | undefined;
}

/** A runtime of this size is none that copies itself. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Programs as files in memory that nobody can write to.
 *
 * OCI runtimes guard against a container that overwrites them through `/proc/self/exe` (CVE-2019-5736): each time they
 * are started they copy or remount themselves, and start once more from there. They leave that out when they run from a
 * sealed file already (`is_self_cloned` in the `cloned_binary.c` of crun and runc). So one copy serves all starts.
 */
export class SealedPrograms implements Disposable {
  readonly #copies = new Map<string, Copy>();

  /** The path to start a program by: its copy's, as long as this process lives, or its own where there can be none. */
  pathOf(file: string): string {
    const identity = identityOf(file);
    let copy = this.#copies.get(file);
    if (copy?.identity !== identity) {
      copy?.fd?.[Symbol.dispose]();
      copy = { identity, fd: sealedCopy(file) };
      this.#copies.set(file, copy);
    }
    return copy.fd ? `/proc/${process.pid}/fd/${copy.fd.number}` : file;
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#copies.values()) fd?.[Symbol.dispose]();
    this.#copies.clear();
  }
}

/** An upgrade puts another file in its place. */
function identityOf(file: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

function sealedCopy(file: string): OwnedFd | undefined {
  if (statSync(file).size > MAX_BYTES) return undefined;
  const content = readFileSync(file);
  if (content.toString('latin1', 0, 4) !== '\x7fELF') return undefined; // a script's interpreter would look for the path
  try {
    return createSealedFile(basename(file), content);
  } catch (error) {
    // `vm.memfd_noexec`, an old kernel or a sandbox: the program guards itself then.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}
