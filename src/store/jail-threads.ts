import { EngineError } from '#base/errors';
import { JailThread } from './jail-thread.ts';

/** Threads of one pool. Those without work wait a while for more, and end. */
export class JailThreads implements AsyncDisposable {
  readonly #idleMs: number;
  readonly #onEnd: (threadId: number) => void;
  readonly #idle: { readonly thread: JailThread; readonly timer: NodeJS.Timeout }[] = [];
  readonly #all = new Set<JailThread>();
  #isClosed = false;

  /** @param onEnd a thread has ended, by itself or not */
  constructor(idleMs: number, onEnd: (threadId: number) => void = () => undefined) {
    this.#idleMs = idleMs;
    this.#onEnd = onEnd;
  }

  /** @throws {EngineError} `unavailable` once this is disposed. */
  checkOpen(): void {
    if (this.#isClosed) throw new EngineError('unavailable', 'the engine is shutting down');
  }

  /** One that has no work. @throws {EngineError} `unavailable`. */
  take(): JailThread {
    this.checkOpen();
    const warm = this.#idle.pop();
    if (warm) {
      clearTimeout(warm.timer);
      warm.thread.ref();
      return warm.thread;
    }
    const thread = new JailThread(threadId => {
      this.#forget(thread);
      this.#onEnd(threadId);
    });
    this.#all.add(thread);
    return thread;
  }

  giveBack(thread: JailThread): void {
    if (this.#isClosed || !this.#all.has(thread)) return; // was told to end, or has ended
    thread.unref();
    const timer = setTimeout(() => this.#retire(thread), this.#idleMs).unref();
    this.#idle.push({ thread, timer });
  }

  /** Waits until all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { timer } of this.#idle.splice(0)) clearTimeout(timer);
    await Promise.all([...this.#all].map(thread => thread.close()));
  }

  #retire(thread: JailThread): void {
    this.#dropIdle(thread);
    void thread.close();
  }

  #forget(thread: JailThread): void {
    this.#dropIdle(thread);
    this.#all.delete(thread);
  }

  #dropIdle(thread: JailThread): void {
    const place = this.#idle.findIndex(idle => idle.thread === thread);
    if (place < 0) return;
    const [idle] = this.#idle.splice(place, 1);
    clearTimeout(idle?.timer);
  }
}
