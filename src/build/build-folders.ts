import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BundlePaths } from '#runtime/process-runtime';

/**
 * Where builds keep what is neither a layer nor a row.
 *
 *   <root>/build/work/<id>/      of one build, gone with it: unpacked contexts, files of here-documents
 *   <root>/build/mounts/<id>/    folders of `RUN --mount=type=cache`, which stay
 *   <run>/b/<id>/                of one step, gone with it: the bundle, on a tmpfs
 *     rootfs/                    mount point
 *     hosts, hostname, resolv.conf, config.json, …
 *     m<n>                       mount points and files that RUN mounts in it
 *     s<n>                       secrets
 */
export class BuildFolders {
  readonly work: string;
  readonly mounts: string;
  readonly bundles: string;

  constructor(root: string, runDir: string) {
    this.work = join(root, 'build', 'work');
    this.mounts = join(root, 'build', 'mounts');
    this.bundles = join(runDir, 'b');
    for (const folder of [this.work, this.mounts, this.bundles]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  }

  bundle(id: string): string {
    return join(this.bundles, id);
  }

  rootfs(id: string): string {
    return join(this.bundles, id, 'rootfs');
  }

  file(id: string, name: string): string {
    return join(this.bundles, id, name);
  }

  /** Nothing is logged: what a step writes goes to whoever builds. */
  paths(id: string): BundlePaths {
    return { bundle: this.bundle(id), log: this.file(id, 'log') };
  }
}

/** Only ever an empty directory: should something still be mounted there, its content stays. */
export function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Not there, or not empty: the sweep at the next start looks again.
  }
}

export function namesIn(folder: string): string[] {
  return readdirSync(folder);
}
