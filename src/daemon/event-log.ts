import type { EventQuery, EventSource } from '#api/event-source';
import type { Abortable } from '#base/abortable';
import type { EngineEvent, EventSink } from '#base/engine-event';
import { EventSubscription } from './event-subscription.ts';

const NANOS_PER_MS = 1_000_000n;
/** four times what Docker keeps */
const KEPT_EVENTS = 1024;

/** Keeps the last events and passes new ones on to whoever listens. */
export class EventLog implements EventSink, EventSource {
  readonly #kept: EngineEvent[] = [];
  readonly #open = new Set<EventSubscription>();
  readonly #clock: () => number;
  #lastNanos = 0n;

  /** `clock` gives milliseconds since 1970. */
  constructor({ clock = Date.now }: { readonly clock?: () => number } = {}) {
    this.#clock = clock;
  }

  get listenerCount(): number {
    return this.#open.size;
  }

  /** Never throws, and never waits for a listener. No two events have the same time. */
  emit(event: Omit<EngineEvent, 'timeNanos'>): void {
    const now = BigInt(this.#clock()) * NANOS_PER_MS;
    this.#lastNanos = now > this.#lastNanos ? now : this.#lastNanos + 1n;
    const stamped = { ...event, timeNanos: this.#lastNanos };
    this.#kept.push(stamped);
    if (this.#kept.length > KEPT_EVENTS) this.#kept.shift();
    for (const subscription of this.#open) subscription.push(stamped);
  }

  subscribe(query: EventQuery, { signal }: Abortable = {}): AsyncIterable<EngineEvent> {
    const subscription = new EventSubscription(query, () => this.#open.delete(subscription));
    this.#open.add(subscription);
    for (const event of this.#replay(query)) subscription.push(event);
    const { untilNanos } = query;
    if (untilNanos !== undefined) subscription.endIn(Number(untilNanos / NANOS_PER_MS) - this.#clock());
    if (signal?.aborted) subscription.end();
    signal?.addEventListener('abort', () => subscription.end(), { once: true });
    return subscription;
  }

  #replay({ sinceNanos, untilNanos }: EventQuery): EngineEvent[] {
    if (sinceNanos === undefined && untilNanos === undefined) return [];
    return this.#kept.filter(({ timeNanos }) => sinceNanos === undefined || timeNanos >= sinceNanos);
  }
}
