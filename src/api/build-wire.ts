import type { BuildEvent, BuildVertex } from '#build/build-event';
import type { BuildCacheEntry } from '#build/cache-entry';
import type { ApiMinor } from './api-version.ts';

/** One line of `POST /quai/build`. Times are milliseconds since 1970; what a step wrote is base64, as it may be no text. */
export function buildEventToWire(event: BuildEvent): object {
  switch (event.type) {
    case 'planned':
      return { planned: event.vertices.map(vertexToWire) };
    case 'started':
      return { started: vertexToWire(event.vertex), at: event.at };
    case 'done':
      return { done: event.vertex.id, at: event.at, cached: event.isCached, state: event.stateId };
    case 'failed':
      return { failed: event.vertex.id, at: event.at, message: event.message, cancelled: event.isCancelled };
    case 'log':
      return { log: event.vertex.id, stream: event.stream, data: event.data.toString('base64') };
    case 'pull':
      return { pull: event.vertex.id, ...event.line };
    case 'warning':
      return { warning: event.message, line: event.line };
    case 'image':
      return { aux: { ID: event.imageId }, tags: event.tags };
  }
}

/** `BuildCache` of the Engine API; there was one parent before 1.42. */
export function buildCacheToWire(entry: BuildCacheEntry, version: ApiMinor): object {
  const { id, kind, description, parents } = entry;
  return {
    ID: id,
    ...(version < 42 ? { Parent: parents[0] ?? '' } : {}),
    ...(version >= 42 && parents.length > 0 ? { Parents: parents } : {}),
    Type: kind,
    Description: description,
    InUse: entry.isInUse,
    Shared: entry.isShared,
    Size: entry.sizeBytes,
    CreatedAt: new Date(entry.createdAt).toISOString(),
    LastUsedAt: new Date(entry.lastUsedAt).toISOString(),
    UsageCount: entry.useCount,
  };
}

function vertexToWire({ id, name, kind, step }: BuildVertex): object {
  return {
    id,
    name,
    kind,
    ...(step ? { step: step.number, total: step.total, text: step.text, line: step.line } : {}),
  };
}
