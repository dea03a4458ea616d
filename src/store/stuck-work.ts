import type { Socket } from 'node:net';
import { EngineError } from '#base/errors';

/** Work that has not stopped for so long after it was told to waits for something that does not come. */
const GIVE_UP_MS = 5_000;
const LOOKS_PER_LIMIT = 4;

/** Waits until work is over; or, once its signal has fired, no longer than some seconds. @returns whether it is over. */
export async function isOverInTime(
  work: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const over = work.then(
    () => true,
    () => true,
  );
  if (!signal) return await over;
  const late = Promise.withResolvers<boolean>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => late.resolve(false), GIVE_UP_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([over, late.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/** Ends a stream to which nothing was written for so long though everything was taken out of it. */
export function endWhenStuck(stream: Socket, limitMs: number): void {
  let seen = -1;
  let since = performance.now();
  const timer = setInterval(() => {
    const isMoving = stream.bytesRead !== seen || stream.readableLength > 0;
    seen = stream.bytesRead;
    if (isMoving) since = performance.now();
    if (performance.now() - since < limitMs) return;
    clearInterval(timer);
    const hint = 'is the server of what is mounted there running?';
    stream.destroy(
      new EngineError('unavailable', `nothing could be read for ${Math.round(limitMs / 1000)} s: ${hint}`),
    );
  }, limitMs / LOOKS_PER_LIMIT).unref();
  stream.once('close', () => clearInterval(timer));
}
