import { isKind, messageOf } from '#base/errors';
import { plainLines } from '#base/plain-text';
import { type Reply, reply } from '#http/reply';
import { errorReply, STATUS } from './error-response.ts';

export type Emit = (line: object) => void;
/** For work that writes without end: `undefined`, or a promise to wait for until the client has read what there is. */
export type Room = () => Promise<void> | undefined;

export interface ProgressOptions {
  /** further keys of `errorDetail`, beside its `message` */
  readonly detail?: (error: unknown) => object;
}

/**
 * Answers with the progress of `work` as JSON lines. What fails before the first line is an ordinary error with a status
 * of its own; after that, an `errorDetail` line, which clients look for.
 */
export async function progressReply(
  work: (emit: Emit, room: Room) => Promise<void>,
  options: ProgressOptions = {},
): Promise<Reply> {
  const lines = new LineQueue();
  const done = work(
    line => lines.push(line),
    () => lines.room(),
  ).finally(() => lines.end());
  done.catch(() => undefined); // looked at below, perhaps after the head went out
  const first = await lines.next();
  if (first === undefined) await done;
  return reply.stream('application/json', progressLines(first, lines, done, options));
}

/**
 * For pull and push: 401 would have Docker's command line ask for a name and password of Docker Hub, whatever the registry, and
 * hang where nobody answers. Docker's engine says 500 then, so that the reason is shown.
 */
export async function withoutPrompt(answer: Promise<Reply>): Promise<Reply> {
  try {
    return await answer;
  } catch (error) {
    if (!isKind(error, 'unauthorized')) throw error;
    return errorReply(error.message, STATUS.internal);
  }
}

async function* progressLines(
  first: object | undefined,
  lines: LineQueue,
  done: Promise<void>,
  { detail }: ProgressOptions,
): AsyncGenerator<string> {
  try {
    for (let line = first; line !== undefined; line = await lines.next()) yield `${JSON.stringify(line)}\n`;
  } finally {
    lines.release(); // nobody reads any more
  }
  try {
    await done;
  } catch (error) {
    const message = plainLines(messageOf(error));
    yield `${JSON.stringify({ errorDetail: { ...detail?.(error), message }, error: message })}\n`;
  }
}

const MANY_LINES = 256;

/** Lines between a producer and one reader. The producer may wait, and need not. */
class LineQueue {
  #lines: object[] = [];
  #isEnded = false;
  #isReleased = false;
  #wake: (() => void) | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  push(line: object): void {
    if (this.#isReleased) return;
    this.#lines.push(line);
    this.#wake?.();
  }

  room(): Promise<void> | undefined {
    if (this.#lines.length < MANY_LINES) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  /** What is pushed from now on is dropped. */
  release(): void {
    this.#isReleased = true;
    this.#lines = [];
    this.#makeRoom();
  }

  /** The next line, or `undefined` at the end. */
  async next(): Promise<object | undefined> {
    while (this.#lines.length === 0 && !this.#isEnded) {
      this.#makeRoom();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#lines.shift();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
