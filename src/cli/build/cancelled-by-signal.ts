import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { CliError } from '../cli-error.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Ctrl-C and SIGTERM end a build, and then the program, which says so: the engine ends what its client has left. A second one ends
 * the program at once, as it is.
 *
 * @throws what `work` does; {@link CliError} with the status of a program that the signal ended, after one.
 */
export async function cancelledBySignal<T>(
  work: (signal: AbortSignal) => Promise<T>,
  signals: Pick<EventEmitter, 'on' | 'off'> = process,
): Promise<T> {
  const cancel = new AbortController();
  let status = 0;
  const stopListening = (): void => {
    for (const name of SIGNALS) signals.off(name, end);
  };
  const end = (name: (typeof SIGNALS)[number]): void => {
    status = 128 + constants.signals[name];
    stopListening();
    cancel.abort();
  };
  for (const name of SIGNALS) signals.on(name, end);
  try {
    return await work(cancel.signal);
  } catch (error) {
    if (!cancel.signal.aborted) throw error;
    throw new CliError('ERROR: the build was cancelled', status, { cause: error });
  } finally {
    stopListening();
  }
}
