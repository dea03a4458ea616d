import { Worker, type WorkerOptions, workerData } from 'node:worker_threads';

/** A thread that takes longer to load hangs, and an end that waits for it would hang, too. */
const LOAD_LIMIT_MS = 3_000;
const LOADED = 1;

/** Threads that have not ended, with the word each sets when it has loaded. */
const threads = new Map<Worker, Int32Array<SharedArrayBuffer>>();
let isExitGuarded = false;

/** What a thread of {@link startThread} finds as its `workerData`. */
interface ThreadData {
  readonly loaded: SharedArrayBuffer;
  readonly data: unknown;
}

/**
 * Starts a worker thread whose entry calls {@link threadLoaded} once its modules are there.
 *
 * A thread must not be ended while it loads koffi: koffi then throws into an environment that takes no more exceptions,
 * and Node aborts the whole process. So the end of this process waits for threads that load, however it comes about, and
 * a thread is ended by {@link endThread}.
 */
export function startThread(entry: URL, options: Omit<WorkerOptions, 'workerData'>, data?: unknown): Worker {
  if (!isExitGuarded) {
    isExitGuarded = true;
    process.on('exit', waitForLoading);
  }
  const loaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const threadData: ThreadData = { loaded: loaded.buffer, data };
  const worker = new Worker(entry, { ...options, workerData: threadData });
  threads.set(worker, loaded);
  worker.once('exit', () => threads.delete(worker));
  return worker;
}

/** In a thread: its modules are loaded, it may be ended from now on. @returns what it was started with. */
export function threadLoaded(): unknown {
  // Entries of threads are started by `startThread` only, with this.
  const { loaded, data } = workerData as ThreadData;
  const word = new Int32Array(loaded);
  Atomics.store(word, 0, LOADED);
  Atomics.notify(word, 0);
  return data;
}

/** Ends a thread in the middle of whatever it does, as soon as it has loaded. */
export async function endThread(worker: Worker): Promise<void> {
  const loaded = threads.get(worker);
  if (loaded) {
    const change = Atomics.waitAsync(loaded, 0, 0, LOAD_LIMIT_MS);
    if (change.async) await change.value;
  }
  await worker.terminate();
}

/** The last thing that this process does. Threads load without any help of the main one. */
function waitForLoading(): void {
  const deadline = Date.now() + LOAD_LIMIT_MS;
  for (const loaded of threads.values()) Atomics.wait(loaded, 0, 0, Math.max(0, deadline - Date.now()));
}
