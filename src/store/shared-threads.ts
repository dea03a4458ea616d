import { orAborted } from '#base/abortable';
import { Semaphore } from '#base/semaphore';
import type { JailThread } from './jail-thread.ts';
import type { JailThreads } from './jail-threads.ts';

export type Work<T> = (thread: JailThread) => Promise<T>;

export interface SharedThreadsDeps {
  readonly threads: Pick<JailThreads, 'take' | 'giveBack'>;
  /** a place for each thread that is in use */
  readonly slots: Semaphore;
  readonly mostOfGroup: number;
}

interface SharedThread {
  /** jobs that run on it or wait for it */
  users: number;
  /** what these have to read */
  bytes: number;
  readonly places: Semaphore;
  readonly thread: Promise<JailThread>;
  readonly end: () => void;
}

/** Jobs at a time on one thread. */
const MAX_JOBS = 8;
/** A thread with more than this before it is worth another beside it. */
const WORTH_BYTES = 16 * 1024 * 1024;

/**
 * Threads that jobs of one group share, layers of an image: to start one costs more than to index a small layer, and most of
 * the time it waits for the download.
 */
export class SharedThreads {
  readonly #deps: SharedThreadsDeps;
  readonly #groups = new Map<string, readonly SharedThread[]>();

  constructor(deps: SharedThreadsDeps) {
    this.#deps = deps;
  }

  has(group: string): boolean {
    return this.#groups.has(group);
  }

  /** @throws {EngineError} `cancelled` when the signal fires before there is a place. */
  async run<T>(
    group: string,
    work: Work<T>,
    { signal, bytes = 0 }: { readonly signal: AbortSignal | undefined; readonly bytes?: number | undefined },
  ): Promise<T> {
    const shared = this.#choose(group, bytes);
    shared.users += 1;
    shared.bytes += bytes;
    try {
      const thread = await orAborted(shared.thread, signal);
      return await shared.places.run(() => work(thread), signal ? { signal } : {});
    } finally {
      shared.users -= 1;
      shared.bytes -= bytes;
      if (shared.users === 0) this.#drop(group, shared);
    }
  }

  /** The thread with the least before it; one more where that is much, and nobody has to wait for it. */
  #choose(group: string, bytes: number): SharedThread {
    const threads = this.#groups.get(group) ?? [];
    const [idlest] = threads.toSorted((one, other) => one.bytes - other.bytes);
    const { slots, mostOfGroup } = this.#deps;
    const mayGrow = bytes > 0 && threads.length < mostOfGroup && slots.hasRoom;
    if (idlest && (idlest.bytes <= WORTH_BYTES || !mayGrow)) return idlest;
    const added = this.#start();
    this.#groups.set(group, [...threads, added]);
    return added;
  }

  #start(): SharedThread {
    const { promise: thread, resolve, reject } = Promise.withResolvers<JailThread>();
    const { promise: ended, resolve: release } = Promise.withResolvers<void>();
    let isOver = false;
    const end = (): void => {
      isOver = true;
      release();
    };
    const hold = async (): Promise<void> => {
      if (isOver) return; // everybody went while there was no place
      const taken = this.#deps.threads.take();
      resolve(taken);
      await ended;
      this.#deps.threads.giveBack(taken);
    };
    this.#deps.slots.run(hold).catch(reject);
    return { users: 0, bytes: 0, places: new Semaphore(MAX_JOBS), thread, end };
  }

  #drop(group: string, shared: SharedThread): void {
    const others = (this.#groups.get(group) ?? []).filter(other => other !== shared);
    if (others.length > 0) this.#groups.set(group, others);
    else this.#groups.delete(group);
    shared.end();
  }
}
