import { Readable, type Writable } from 'node:stream';
import { type Abortable, orAborted } from '#base/abortable';
import { HttpTimeoutError } from './http-message.ts';

/** For who sends a request: what came of it, and how long that may take. */
export interface AnswerWait<T> {
  readonly resolve: (head: T) => void;
  readonly reject: (error: unknown) => void;
  /** From now on so long, and no longer by what was said before. */
  readonly within: (ms: number, what: string) => void;
}

/**
 * Waits for the head of an answer; each phase of the request has its time.
 *
 * @param begin sends it
 * @throws {HttpTimeoutError}; what `reject` got; when the signal fires.
 */
export async function answerTo<T>(
  body: Buffer | Readable | undefined,
  begin: (wait: AnswerWait<T>) => void,
  { signal }: Abortable,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => undefined); // it may fail when nobody waits any more
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const within = (ms: number, what: string): void => {
    clearTimeout(timer);
    if (isOver) return;
    timer = setTimeout(() => reject(new HttpTimeoutError(`${what} within ${ms / 1000} s`)), ms);
  };
  try {
    begin({ resolve, reject, within });
    return await orAborted(promise, signal);
  } finally {
    isOver = true;
    clearTimeout(timer);
    if (body instanceof Readable && !body.readableEnded) body.destroy(); // answered early: the rest is not wanted
  }
}

/** Writes at the server's pace. */
export async function sendBody(stream: Writable, body: Readable, onProgress: () => void): Promise<void> {
  for await (const chunk of body) {
    onProgress();
    if (!stream.write(chunk)) await drained(stream);
    if (stream.destroyed || stream.closed) return;
  }
  stream.end();
}

/** Until a stream takes more, or takes nothing any more. */
async function drained(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('drain', resolve);
  stream.once('close', resolve);
  await promise;
  stream.off('drain', resolve);
  stream.off('close', resolve);
}
