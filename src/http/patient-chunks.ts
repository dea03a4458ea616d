import type { Readable } from 'node:stream';
import { abortError } from '#base/abortable';

export interface Patience {
  /** how long fewer than {@link leastBytes} may take to come; what we take to use them does not count */
  readonly stallMs: number;
  readonly leastBytes: number;
  readonly tooSlow: () => Error;
  readonly signal?: AbortSignal;
}

/**
 * The chunks of a body, for as long as they come with some speed. However it ends, the body is not destroyed: that would take
 * along the connection that the answer goes out by.
 *
 * @throws what `tooSlow` makes; the error of a body that broke off; {EngineError} `cancelled`.
 */
export async function* patientChunks(body: Readable, patience: Patience): AsyncGenerator<Buffer> {
  const { stallMs, leastBytes } = patience;
  body.on('error', () => undefined); // also one that breaks off while nobody reads
  let came = 0;
  let waitedMs = 0;
  for (;;) {
    const chunk = body.read() as Buffer | null; // a request yields buffers unless an encoding is set
    if (chunk !== null) {
      came += chunk.length;
      if (came >= leastBytes) came = waitedMs = 0;
      yield chunk;
      continue;
    }
    if (body.readableEnded) return;
    const since = performance.now();
    await somethingNew(body, stallMs - waitedMs, patience);
    waitedMs += performance.now() - since;
  }
}

/** Resolves when there is something to read, or the end. */
async function somethingNew(
  body: Readable,
  forMs: number,
  { tooSlow, signal }: Pick<Patience, 'tooSlow' | 'signal'>,
): Promise<void> {
  if (signal?.aborted) throw abortError(signal);
  if (body.destroyed) throw brokenOff(body);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const go = (): void => resolve();
  const fail = (): void => reject(brokenOff(body));
  const stop = (): void => reject(signal ? abortError(signal) : brokenOff(body));
  const timer = setTimeout(() => reject(tooSlow()), Math.max(forMs, 0));
  body.on('readable', go).on('end', go).on('error', fail).on('close', fail);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    body.off('readable', go).off('end', go).off('error', fail).off('close', fail);
    signal?.removeEventListener('abort', stop);
  }
}

function brokenOff(body: Readable): Error {
  return body.errored ?? new Error('the body broke off');
}
