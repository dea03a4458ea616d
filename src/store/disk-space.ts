import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { EngineError } from '#base/errors';
import { isErrno } from '#sys/sys-error';

/** What stays free on the disk, so that whoever has to clean it up still can. */
export const RESERVE_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_BYTES = 64 * 1024 * 1024;

/** Docker's and everybody's words for it: clients look for them. */
export const NO_SPACE = 'no space left on device';

export function noSpace(options?: ErrorOptions): EngineError {
  return new EngineError('unavailable', NO_SPACE, options);
}

/** A quota that is used up is a full disk to whoever writes. */
export function isDiskFull(error: unknown): boolean {
  return isErrno(error, 'ENOSPC', 'EDQUOT') || isDatabaseFull(error);
}

/** SQLite's own word for it (https://www.sqlite.org/rescode.html#full). */
const SQLITE_FULL = 13;

function isDatabaseFull(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL;
}

/** The error as it is, or {@link noSpace} for a full disk. */
export function withoutSpace(error: unknown): unknown {
  return isDiskFull(error) ? noSpace({ cause: error }) : error;
}

export interface FreeSpace {
  readonly bytes: number;
  /** files that may still be made */
  readonly files: number;
}

/** What the file system of `path` has left, for others than root. */
export async function freeSpace(path: string): Promise<FreeSpace> {
  const { bavail, bsize, ffree } = await statfs(path);
  return { bytes: bavail * bsize, files: ffree };
}

/** @throws {EngineError} `unavailable` when the file system of `path` has less left. */
export function checkSpace(path: string, reserveBytes = RESERVE_BYTES): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < reserveBytes) throw noSpace();
}

/** Looks at the disk now and then while something is written to it, first at the first byte. */
export class SpaceCheck {
  readonly #check: () => void;
  readonly #everyBytes: number;
  #unchecked: number;

  /** @param check throws when there is no space; default: {@link checkSpace} */
  constructor(check: () => void, { everyBytes = LOOK_EVERY_BYTES }: { readonly everyBytes?: number } = {}) {
    this.#check = check;
    this.#everyBytes = everyBytes;
    this.#unchecked = everyBytes;
  }

  /** Says how much more was written, or is to be. @throws {EngineError} `unavailable`. */
  passed(bytes: number): void {
    this.#unchecked += bytes;
    if (this.#unchecked < this.#everyBytes) return;
    this.#unchecked = 0;
    this.#check();
  }
}
