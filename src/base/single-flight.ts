import { type Abortable, abortError, orAborted } from './abortable.ts';

interface Flight<T> {
  readonly promise: Promise<T>;
  readonly abort: AbortController;
  waiters: number;
}

/** Runs equal work once and shares the result; the work is cancelled when its last waiter leaves. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  async run(key: string, work: (signal: AbortSignal) => Promise<T>, { signal }: Abortable = {}): Promise<T> {
    if (signal?.aborted) throw abortError(signal);
    const flight = this.#flights.get(key) ?? this.#launch(key, work);
    flight.waiters += 1;
    try {
      return await orAborted(flight.promise, signal);
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.abort.abort();
      }
    }
  }

  #launch(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController();
    const promise = work(abort.signal);
    promise.catch(() => undefined); // each waiter gets the error; with none left nobody needs it
    const flight: Flight<T> = { promise, abort, waiters: 0 };
    this.#flights.set(key, flight);
    return flight;
  }
}
