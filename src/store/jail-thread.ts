import { extname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { codeOf, EngineError } from '#base/errors';
import { OwnFile } from '#sys/own-file';
import { startThread } from '#sys/thread';
import { JAIL_CLOSE, type JailReply, type JailRequest, type JailResult } from './jail-jobs.ts';

/**
 * An archive decides how many names have to be remembered. Who remembers counts them and stops well before this (`MemoryBudget`):
 * a thread that needs more ends, but where something large does not fit, V8 ends the process.
 */
const MAX_HEAP_MB = 1536;
/** The main thread's own suffix: `.ts` here, `.js` in a release. */
const ENTRY = new OwnFile(new URL(`./jail-worker${extname(import.meta.url)}`, import.meta.url));

/** One worker thread: questions, and an answer to each. Without a question it does not keep the process. */
export class JailThread {
  readonly #worker: Worker;
  readonly #ended = Promise.withResolvers<void>();
  readonly #asked = new Map<number, PromiseWithResolvers<JailResult>>();
  #lastId = 0;
  #end: Error | undefined;

  /**
   * @param onEnd it ended, by itself or not, and is of no use any more
   * @throws {EngineError} `unavailable` after an upgrade: it would be of another version than who asks it
   */
  constructor(onEnd: (threadId: number) => void) {
    if (ENTRY.isReplaced)
      throw new EngineError(
        'unavailable',
        'the files of the engine were replaced while it runs: restart it, containers run on meanwhile',
      );
    this.#worker = startThread(ENTRY.url, {
      name: 'quai-jail',
      trackUnmanagedFds: false,
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 6 },
    });
    const { threadId } = this.#worker;
    const end = (error: Error): void => {
      this.#end ??= error;
      for (const { reject } of this.#asked.values()) reject(this.#end);
      this.#asked.clear();
      onEnd(threadId);
      this.#ended.resolve();
    };
    this.#worker.on('message', (reply: JailReply) => this.#answer(reply));
    this.#worker.once('error', (error: Error) => end(isOutOfMemory(error) ? tooLarge(error) : error));
    this.#worker.once('exit', code =>
      end(new EngineError('internal', `a jail thread ended with code ${code} in the middle of its work`)),
    );
  }

  /** @throws {Error} when the thread ends before it has answered */
  async ask(request: Omit<JailRequest, 'id'>): Promise<JailResult> {
    if (this.#end) throw this.#end;
    this.#lastId += 1;
    const asked = Promise.withResolvers<JailResult>();
    this.#asked.set(this.#lastId, asked);
    this.#worker.postMessage({ ...request, id: this.#lastId });
    return await asked.promise;
  }

  ref(): void {
    this.#worker.ref();
  }

  unref(): void {
    this.#worker.unref();
  }

  /** Has it end once it has nothing to do, and waits for that. */
  async close(): Promise<void> {
    this.#worker.ref();
    this.#worker.postMessage(JAIL_CLOSE);
    await this.#ended.promise;
  }

  #answer({ id, ...result }: JailReply): void {
    this.#asked.get(id)?.resolve(result);
    this.#asked.delete(id);
  }
}

function isOutOfMemory(error: unknown): boolean {
  return codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooLarge(cause: Error): EngineError {
  return new EngineError(
    'unavailable',
    `this takes more memory than a thread of the engine has (${MAX_HEAP_MB} MB)`,
    {
      cause,
    },
  );
}
