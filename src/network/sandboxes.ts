import { readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { shortId } from '#base/ids';
import { setLink } from '#sys/netlink/link-requests';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { createNetns, makeNetnsFolder, removeNetns } from '#sys/netns';
import { isErrno } from '#sys/sys-error';
import { openSysctlView, type SysctlView, writeSysctl } from '#sys/sysctl';

/** statfs(2): the file system that name spaces live on. */
const NSFS_MAGIC = 0x6e736673;

/** Network name spaces of containers, each bound to `<folder>/<first 12 digits of the container's ID>`. */
export class Sandboxes {
  readonly #folder: string;
  #hasFolder = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  path(containerId: string): string {
    return join(this.#folder, shortId(containerId));
  }

  /** Makes it, with `lo` up, or keeps what is there. @returns its path. */
  create(containerId: string): string {
    const path = this.path(containerId);
    if (!this.#hasFolder) makeNetnsFolder(this.#folder);
    this.#hasFolder = true;
    using sysctls = openSysctlView();
    const prepare = (): void => prepareInside(sysctls);
    try {
      createNetns(path, prepare);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (this.exists(containerId)) return path;
      removeNetns(path); // a crash left the file without a name space
      createNetns(path, prepare);
    }
    return path;
  }

  exists(containerId: string): boolean {
    try {
      return statfsSync(this.path(containerId)).type === NSFS_MAGIC;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
      throw error;
    }
  }

  /** Happy to find nothing. @throws {SysError} */
  remove(containerId: string): void {
    removeNetns(this.path(containerId));
  }

  /** Removes those of containers that are not in `kept`. @returns how many. */
  sweep(kept: ReadonlySet<string>): number {
    const names = new Set([...kept].map(shortId));
    const stale = listFolder(this.#folder).filter(name => !names.has(name));
    for (const name of stale) removeNetns(join(this.#folder, name));
    return stale.length;
  }
}

/** Interfaces that come later start without IPv6; endpoints that have it switch it on (CVE-2020-13401). */
function prepareInside(sysctls: SysctlView): void {
  using socket = new NetlinkSocket(NETLINK_ROUTE);
  socket.run(setLink('lo', { isUp: true }));
  writeSysctl('net/ipv6/conf/default/disable_ipv6', 1, sysctls);
  writeSysctl('net/ipv6/conf/default/accept_ra', 0, sysctls);
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
