import { setTimeout as wait } from 'node:timers/promises';
import { tryLockFile } from '#sys/file-lock';

/** The same for all engines of a host, whatever their folders are. */
const LOCK_FILE = '/run/quai-ranges.lock';
/** A choice takes milliseconds; an engine that was stopped in the middle of one holds up nobody for longer. */
const PATIENCE_MS = 2_000;
const RETRY_MS = 5;

/**
 * Keeps other engines of this host from choosing ranges of addresses until it is disposed of: two that look at the same moment
 * would both find the same range free, and both take it.
 *
 * Without a folder to lock in, and after two seconds of waiting, the choice is made all the same.
 */
export async function lockRanges({
  file = LOCK_FILE,
  patienceMs = PATIENCE_MS,
}: {
  readonly file?: string;
  readonly patienceMs?: number;
} = {}): Promise<Disposable> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const lock = tryLock(file);
    if (lock) return lock;
    if (performance.now() >= deadline) return NO_LOCK;
    await wait(RETRY_MS);
  }
}

const NO_LOCK: Disposable = { [Symbol.dispose]: () => undefined };

function tryLock(file: string): Disposable | undefined {
  try {
    return tryLockFile(file);
  } catch {
    return NO_LOCK; // no such folder, or one that is only read
  }
}
