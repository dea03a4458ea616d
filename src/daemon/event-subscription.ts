import type { EventQuery } from '#api/event-source';
import type { EngineEvent } from '#base/engine-event';
import { EngineError } from '#base/errors';

/** A reader this far behind is cut off: events must not pile up, and must not be lost in silence. */
const MAX_WAITING = 16_384;
/** the longest a timer can run */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The events one reader asked for, from the moment it asked. */
export class EventSubscription implements AsyncIterable<EngineEvent> {
  readonly #query: EventQuery;
  readonly #onEnd: () => void;
  readonly #waiting: EngineEvent[] = [];
  #isEnded = false;
  #isCutOff = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(query: EventQuery, onEnd: () => void) {
    this.#query = query;
    this.#onEnd = onEnd;
  }

  push(event: EngineEvent): void {
    const { untilNanos, accepts } = this.#query;
    if (this.#isEnded || (untilNanos !== undefined && event.timeNanos > untilNanos) || !accepts(event))
      return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#isCutOff = true;
      this.end();
      return;
    }
    this.#waiting.push(event);
    this.#wake?.();
  }

  /** What has been collected can still be read. A second call does nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#onEnd();
    this.#wake?.();
  }

  endIn(ms: number): void {
    if (ms <= 0) this.end();
    else if (ms <= MAX_TIMER_MS) this.#timer = setTimeout(() => this.end(), ms);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EngineEvent> {
    try {
      for (;;) {
        const event = this.#waiting.shift();
        if (event) yield event;
        else if (this.#isEnded) break;
        else await this.#next();
      }
    } finally {
      this.end();
    }
    if (this.#isCutOff) throw new EngineError('unavailable', 'events came faster than they were read');
  }

  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }
}
