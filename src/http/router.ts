import { HttpError } from './http-error.ts';
import { matchPath, type PathPattern, pathPattern } from './path-pattern.ts';
import type { Route } from './route.ts';

interface Entry {
  readonly route: Route;
  readonly pattern: PathPattern;
}

export interface Match {
  readonly route: Route;
  readonly params: Record<string, string>;
}

/**
 * Finds the route of a request. A literal path goes before any pattern, and of two patterns the one with more literal
 * segments: names take slashes, so `/services/{id}` would also match what is meant for `/services/{id}/logs`.
 */
export class Router {
  readonly #literals = new Map<string, Entry[]>();
  /** by first path segment */
  readonly #patterns = new Map<string, Entry[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const pattern = pathPattern(route.pattern);
      const [map, key] =
        pattern.names.length > 0
          ? [this.#patterns, firstSegment(pattern.text)]
          : [this.#literals, pattern.text];
      map.set(key, [...(map.get(key) ?? []), { route, pattern }].toSorted(bySpecificity));
    }
  }

  /** @throws {HttpError} 404 for an unknown path, 405 (with `Allow`) for a known one. */
  match(method: string, path: string): Match {
    const allowed = new Set<string>();
    for (const entry of this.#candidates(path)) {
      const params = matchPath(entry.pattern, path);
      if (!params) continue;
      if (entry.route.method === method) return { route: entry.route, params };
      allowed.add(entry.route.method);
    }
    if (allowed.size === 0) throw new HttpError(404, 'page not found');
    throw new HttpError(405, `method ${method} is not allowed for ${path}`, {
      headers: { Allow: [...allowed].join(', ') },
    });
  }

  *#candidates(path: string): Generator<Entry> {
    yield* this.#literals.get(path) ?? [];
    yield* this.#patterns.get(firstSegment(path)) ?? [];
  }
}

function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return end < 0 ? path : path.slice(0, end);
}

function bySpecificity(one: Entry, other: Entry): number {
  return literalSegments(other.pattern) - literalSegments(one.pattern);
}

function literalSegments({ text }: PathPattern): number {
  return text.split('/').filter(segment => !segment.startsWith('{')).length;
}
