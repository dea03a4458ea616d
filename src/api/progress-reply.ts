import { isKind, messageOf } from '#base/errors';
import { plainLines } from '#base/plain-text';
import { type Reply, reply } from '#http/reply';
import { errorReply, STATUS } from './error-response.ts';

type Emit = (line: object) => void;

/**
 * Answers with the progress of `work` as JSON lines. What fails before the first line is an ordinary error with a status
 * of its own; after that, an `errorDetail` line, which clients look for.
 */
export async function progressReply(work: (emit: Emit) => Promise<void>): Promise<Reply> {
  const lines = new LineQueue();
  const done = work(line => lines.push(line)).finally(() => lines.end());
  done.catch(() => undefined); // looked at below, perhaps after the head went out
  const first = await lines.next();
  if (first === undefined) await done;
  return reply.stream('application/json', progressLines(first, lines, done));
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
): AsyncGenerator<string> {
  for (let line = first; line !== undefined; line = await lines.next()) yield `${JSON.stringify(line)}\n`;
  try {
    await done;
  } catch (error) {
    const message = plainLines(messageOf(error));
    yield `${JSON.stringify({ errorDetail: { message }, error: message })}\n`;
  }
}

/** Lines between a producer that does not wait and one reader. */
class LineQueue {
  readonly #lines: object[] = [];
  #isEnded = false;
  #wake: (() => void) | undefined;

  push(line: object): void {
    this.#lines.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  /** The next line, or `undefined` at the end. */
  async next(): Promise<object | undefined> {
    while (this.#lines.length === 0 && !this.#isEnded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#lines.shift();
  }
}
