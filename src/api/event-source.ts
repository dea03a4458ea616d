import type { Abortable } from '#base/abortable';
import type { EngineEvent } from '#base/engine-event';

export interface EventQuery {
  /** nanoseconds since 1970; with either of these set, kept events of that time come first */
  readonly sinceNanos?: bigint;
  /** the stream ends at this time */
  readonly untilNanos?: bigint;
  readonly accepts: (event: EngineEvent) => boolean;
}

/** Where the API gets events from. */
export interface EventSource {
  /** Begins to collect at once, before the first read. Ends when the signal fires or `untilNanos` has come. */
  subscribe(query: EventQuery, options?: Abortable): AsyncIterable<EngineEvent>;
  /** streams open now */
  readonly listenerCount: number;
}
