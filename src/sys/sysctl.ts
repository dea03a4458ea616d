import { readFileSync, writeFileSync } from 'node:fs';
import { isErrno } from './sys-error.ts';

/**
 * Kernel parameters under `/proc/sys`, of the network name space the calling thread is in for `net/…` ones.
 * Synchronous on purpose: Node's asynchronous files run on other threads, and so in another name space.
 */

/** @param name with slashes, such as `net/ipv4/ip_forward` @returns undefined when the kernel has no such parameter. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @returns false when the kernel has no such parameter (IPv6 may be compiled out). @throws when it refuses the value. */
export function writeSysctl(name: string, value: string | number): boolean {
  try {
    writeFileSync(`/proc/sys/${name}`, String(value), { flag: 'r+' });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Writes only when the value differs; some parameters do work on every write. @returns whether it was changed. */
export function ensureSysctl(name: string, value: string | number): boolean {
  const current = readSysctl(name);
  return current !== undefined && current !== String(value) && writeSysctl(name, value);
}
