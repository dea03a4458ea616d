import { EngineError } from './errors.ts';

/** Last parameter of everything that waits. */
export interface Abortable {
  readonly signal?: AbortSignal;
}

/** @throws {EngineError} `cancelled` when the signal has fired; a time-out's reason becomes `deadline`. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** The error for a fired signal: `deadline` for `AbortSignal.timeout`, otherwise `cancelled`. */
export function abortError(signal: AbortSignal): EngineError {
  const reason: unknown = signal.reason;
  if (reason instanceof EngineError) return reason;
  if (reason instanceof DOMException && reason.name === 'TimeoutError') {
    return new EngineError('deadline', 'the operation took too long', { cause: reason });
  }
  return new EngineError('cancelled', 'the operation was cancelled', { cause: reason });
}

/**
 * Waits for `promise` or for the signal, whichever is first. The work behind `promise` goes on.
 *
 * @throws {EngineError} `cancelled` or `deadline` when the signal fires first.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  throwIfAborted(signal);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Resolves after `ms` milliseconds. @throws {EngineError} when the signal fires first. */
export async function sleep(ms: number, { signal }: Abortable = {}): Promise<void> {
  const elapsed = Promise.withResolvers<void>();
  const timer = setTimeout(elapsed.resolve, ms);
  try {
    await orAborted(elapsed.promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
