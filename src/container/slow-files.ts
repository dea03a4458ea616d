import { type Abortable, abortError } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import type { KeyedLimit } from '#base/keyed-limit';
import type { Container } from './container.ts';

/** What does not answer for this long is taken for dead. */
const ANSWER_MS = 20_000;
/** Work that has not stopped for so long after it was told to is given up. */
const GIVE_UP_MS = 5_000;

/** Looks of a container at a time: those with something dead in it hold their threads. */
export const MOST_LOOKS = 2;

/**
 * Waits for what a thread does in a place whose file server may be dead, such as a bind mount or a volume.
 *
 * @param path where it looks, as the user knows it; for the error
 * @throws {EngineError} what the work throws; `unavailable` when nothing comes in time: the work goes on.
 */
export async function answerOf<T>(
  { looks }: { readonly looks: KeyedLimit },
  { id, name }: Pick<Container, 'id' | 'name'>,
  path: string,
  work: () => Promise<T>,
  { signal }: Abortable,
): Promise<T> {
  const limit = AbortSignal.timeout(ANSWER_MS);
  try {
    return await looks.run(id, work, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (error) {
    if (!isKind(error, 'deadline') || !limit.aborted) throw error;
    throw new EngineError(
      'unavailable',
      `${path} in container ${name} has not answered for ${ANSWER_MS / 1000} s: is the server of what is mounted there running?`,
      { cause: error },
    );
  }
}

/** Waits for work that stops when it is told to, unless it hangs: then it is given up. @throws what the work throws; `cancelled`. */
export async function orGivenUp(
  work: Promise<unknown>,
  { signal, onGivenUp }: Abortable & { readonly onGivenUp: () => void },
): Promise<void> {
  if (!signal) return void (await work);
  const late = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => {
      onGivenUp();
      late.reject(abortError(signal));
    }, GIVE_UP_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}
