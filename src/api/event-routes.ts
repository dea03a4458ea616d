import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { anyFilters } from '#spec/docker/filters';
import { queryText } from '#spec/docker/query';
import { parseTimestamp } from '#spec/docker/timestamp';
import type { ApiMinor } from './api-version.ts';
import type { EventSource } from './event-source.ts';
import { acceptsEvent, eventToWire } from './event-wire.ts';

const JSON_LINES = ['application/jsonl', 'application/x-ndjson'];
const JSON_SEQUENCE = 'application/json-seq';

export function eventsRoute(events: EventSource): Route {
  return route(
    'GET',
    '/events',
    { query: v.object({ since: queryText, until: queryText, filters: anyFilters }) },
    ({ query: { since, until, filters }, headers, version, signal }) => {
      const now = Date.now();
      const sinceNanos = parseTimestamp(since, now);
      const untilNanos = parseTimestamp(until, now);
      if (sinceNanos !== undefined && untilNanos !== undefined && sinceNanos > untilNanos) {
        throw new EngineError(
          'invalid',
          `\`since\` time (${since}) cannot be after \`until\` time (${until})`,
        );
      }
      const subscription = events.subscribe(
        {
          accepts: event => acceptsEvent(filters, event),
          ...(sinceNanos === undefined ? {} : { sinceNanos }),
          ...(untilNanos === undefined ? {} : { untilNanos }),
        },
        { signal },
      );
      const type = mediaType(headers.accept ?? '', version);
      return reply.stream(type, eventLines(subscription, { version, isSequence: type === JSON_SEQUENCE }));
    },
  );
}

async function* eventLines(
  events: ReturnType<EventSource['subscribe']>,
  { version, isSequence }: { version: ApiMinor; isSequence: boolean },
): AsyncGenerator<string> {
  for await (const event of events) {
    yield (isSequence ? '\x1e' : '') + eventToWire(event, version); // RFC 7464 starts each text with a record separator
  }
}

/** Negotiated since 1.52. */
function mediaType(accept: string, version: ApiMinor): string {
  if (version < 52) return 'application/json';
  const wanted = accept.split(',').map(range => range.split(';', 1)[0]?.trim() ?? '');
  return wanted.find(type => type === JSON_SEQUENCE || JSON_LINES.includes(type)) ?? 'application/json';
}
