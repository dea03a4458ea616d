import { closeSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { codeOf } from '#base/errors';
import { CliError } from '../cli-error.ts';

export interface LockOptions {
  /** how long another one may have it before we give up */
  readonly patienceMs?: number;
  /** whoever made a file that is older than this has died: work under a lock takes milliseconds */
  readonly staleMs?: number;
}

const PATIENCE_MS = 15_000;
const STALE_MS = 10_000;
const PAUSE_MS = 20;

/** Holds a lock of several processes, in its folder, until it is disposed. @throws {CliError} when another one keeps it. */
export function holdLock(
  file: string,
  { patienceMs = PATIENCE_MS, staleMs = STALE_MS }: LockOptions = {},
): Disposable {
  const deadline = performance.now() + patienceMs;
  while (!isMade(file)) {
    removeStale(file, staleMs);
    if (performance.now() > deadline) {
      throw new CliError(
        `another command is changing the same files: ${file} is there; remove it if none is`,
      );
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
}

function isMade(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** By another name first: of two that see the same old file, only one takes it away. */
function removeStale(file: string, staleMs: number): void {
  const seen = statSync(file, { throwIfNoEntry: false });
  if (!seen || Date.now() - seen.mtimeMs < staleMs) return;
  const aside = `${file}.${process.pid}.old`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const taken = statSync(aside, { throwIfNoEntry: false });
  if (taken && taken.ino !== seen.ino && !statSync(file, { throwIfNoEntry: false })) renameSync(aside, file);
  else rmSync(aside, { force: true });
}
