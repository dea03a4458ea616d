import { join } from 'node:path';
import type { BundlePaths } from '#runtime/process-runtime';
import type { Container } from './container.ts';

/**
 * Where a container keeps what is not in its snapshot.
 *
 *   <root>/containers/<id>/          survives a reboot
 *     hosts, hostname, resolv.conf   bound into the container
 *     log/ctr.log[.n]
 *   <run>/c/<id>/                    made at each start, gone after exit
 *     config.json, attach, ctl, …    the bundle, conmon's and the runtime's
 *     rootfs/                        mount point
 *     shm/                           tmpfs, only for a shareable IPC name space
 */
export class ContainerPaths {
  readonly containersDir: string;
  readonly bundlesDir: string;

  constructor(root: string, runDir: string) {
    this.containersDir = join(root, 'containers');
    this.bundlesDir = join(runDir, 'c');
  }

  directory(id: string): string {
    return join(this.containersDir, id);
  }

  file(id: string, name: 'hosts' | 'hostname' | 'resolv.conf'): string {
    return join(this.containersDir, id, name);
  }

  log(id: string): string {
    return join(this.containersDir, id, 'log', 'ctr.log');
  }

  rootfs(id: string): string {
    return join(this.bundlesDir, id, 'rootfs');
  }

  shm(id: string): string {
    return join(this.bundlesDir, id, 'shm');
  }

  bundle(id: string): BundlePaths {
    return { bundle: join(this.bundlesDir, id), log: this.log(id) };
  }
}

/** The container's control group, as the runtime spec's `cgroupsPath` and the hierarchies under /sys/fs/cgroup name it. */
export function cgroupPath({ id, hostConfig }: Pick<Container, 'id' | 'hostConfig'>): string {
  return join('/', hostConfig.CgroupParent || 'quai', id);
}
