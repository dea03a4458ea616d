import type { EngineEvent } from '#base/engine-event';
import { type Filters, matchesExactly, matchesLabels, matchesPrefix } from '#spec/docker/filters';
import type { ApiMinor } from './api-version.ts';

const NANOS_PER_SECOND = 1_000_000_000n;
/** these actions carry a suffix: `exec_start: sh -c true` */
const PREFIX_ACTIONS = ['health_status', 'exec_create', 'exec_start'];

/** One line of `GET /events`. The time in nanoseconds does not fit a JavaScript number, and so is put in as text. */
export function eventToWire(event: EngineEvent, version: ApiMinor): string {
  const { type, action, actor, timeNanos } = event;
  const wire = JSON.stringify({
    ...(version < 52 ? legacyFields(event) : {}),
    Type: type,
    Action: action,
    Actor: { ID: actor.id, Attributes: actor.attributes },
    scope: 'local',
    time: Number(timeNanos / NANOS_PER_SECOND),
  });
  return `${wire.slice(0, -1)},"timeNano":${timeNanos}}\n`;
}

/** Docker's semantics (moby `daemon/events/filter.go`): values of one filter are alternatives, labels all have to hold. */
export function acceptsEvent(filters: Filters, event: EngineEvent): boolean {
  const { type, actor } = event;
  const name = actor.attributes['name'] ?? '';
  const isNamed = (filter: string): boolean =>
    matchesPrefix(filters, filter, actor.id) || matchesPrefix(filters, filter, name);
  return (
    acceptsAction(filters, event.action) &&
    matchesExactly(filters, 'type', type) &&
    matchesExactly(filters, 'scope', 'local') &&
    ['daemon', 'container', 'volume', 'network'].every(isNamed) &&
    ['plugin', 'node', 'service', 'secret', 'config'].every(filter => !filters.has(filter)) &&
    acceptsImage(filters, event) &&
    matchesLabels(filters, 'label', actor.attributes)
  );
}

function acceptsAction(filters: Filters, action: string): boolean {
  const wanted = filters.get('event') ?? [];
  const isPrefix = wanted.some(value => PREFIX_ACTIONS.includes(value));
  return isPrefix ? matchesPrefix(filters, 'event', action) : matchesExactly(filters, 'event', action);
}

function acceptsImage(filters: Filters, { type, actor }: EngineEvent): boolean {
  const name = actor.attributes[type === 'image' ? 'name' : 'image'] ?? '';
  return [actor.id, name, withoutTag(actor.id), withoutTag(name)].some(text =>
    matchesExactly(filters, 'image', text),
  );
}

function withoutTag(name: string): string {
  return name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

function legacyFields({ type, action, actor }: EngineEvent): Record<string, string> {
  if (type === 'container') {
    return { status: action, id: actor.id, from: actor.attributes['image'] ?? '' };
  }
  return type === 'image' ? { status: action, id: actor.id } : {};
}
