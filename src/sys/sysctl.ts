import { close, readFileSync, writeFileSync } from 'node:fs';
import { openMount } from './mount-context.ts';
import { isErrno, SysError } from './sys-error.ts';

/**
 * Kernel parameters under `/proc/sys`, of the network name space the calling thread is in for `net/…` ones.
 * Synchronous on purpose: Node's asynchronous files run on other threads, and so in another name space.
 */

/** Where parameters are reached. */
export interface SysctlView extends Disposable {
  readonly folder: string;
}

const SHARED: SysctlView = { folder: '/proc/sys', [Symbol.dispose]: () => undefined };
const PROC_FLAGS = 2 | 4 | 8; // nosuid, nodev, noexec

/**
 * A mount of /proc that nobody else looks at: 0.04 ms, until it is disposed of. The kernel keeps `net/…` entries of all name
 * spaces under one name in what it remembers of a mount, and goes through all of them at each look-up: with a thousand
 * containers 0.8 ms through the mount that everybody uses. Where none can be made, that one is taken.
 *
 * It shows the name space of whoever looks. Dispose of it at home: that may start threads, which stay where they began.
 */
export function openSysctlView(): SysctlView {
  try {
    const mount = openMount({ type: 'proc', source: 'proc', flags: PROC_FLAGS, data: [] });
    return new OwnView(mount.take());
  } catch (error) {
    if (error instanceof SysError) return SHARED;
    throw error;
  }
}

class OwnView implements SysctlView {
  readonly folder: string;
  #mount: number | undefined;

  constructor(mount: number) {
    this.folder = `/proc/self/fd/${mount}/sys`;
    this.#mount = mount;
  }

  /** Closes on another thread: an unmount waits for all processors, up to a millisecond on busy ones. */
  [Symbol.dispose](): void {
    if (this.#mount !== undefined) close(this.#mount, () => undefined);
    this.#mount = undefined;
  }
}

/** @param name with slashes, such as `net/ipv4/ip_forward` @returns undefined when the kernel has no such parameter. */
export function readSysctl(name: string, { folder } = SHARED): string | undefined {
  try {
    return readFileSync(`${folder}/${name}`, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @returns false when the kernel has no such parameter (IPv6 may be compiled out). @throws when it refuses the value. */
export function writeSysctl(name: string, value: string | number, { folder } = SHARED): boolean {
  try {
    writeFileSync(`${folder}/${name}`, String(value), { flag: 'r+' });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Writes only when the value differs; some parameters do work on every write. @returns whether it was changed. */
export function ensureSysctl(name: string, value: string | number, view = SHARED): boolean {
  const current = readSysctl(name, view);
  return current !== undefined && current !== String(value) && writeSysctl(name, value, view);
}
