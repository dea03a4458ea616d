import { EngineError } from '#base/errors';
import type { RawQuery } from './route.ts';

export interface Target {
  /** decoded, so that `%2F` in a name is a slash */
  readonly path: string;
  readonly query: RawQuery;
}

/** Splits a request target. @throws {EngineError} `invalid` for a path with broken percent encoding or NUL. */
export function parseTarget(target: string): Target {
  const mark = target.indexOf('?');
  const path = decodePath(mark < 0 ? target : target.slice(0, mark));
  return { path, query: mark < 0 ? {} : parseQuery(target.slice(mark + 1)) };
}

function decodePath(path: string): string {
  if (!path.startsWith('/')) throw new EngineError('invalid', `bad request target "${path}"`);
  if (!path.includes('%')) return path;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (error) {
    throw new EngineError('invalid', `bad percent encoding in "${path}"`, { cause: error });
  }
  if (decoded.includes('\0')) throw new EngineError('invalid', 'the path holds a NUL character');
  return decoded;
}

function parseQuery(text: string): RawQuery {
  // No prototype: a parameter may be called anything.
  const query: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [key, value] of new URLSearchParams(text)) {
    const values = query[key];
    if (values) values.push(value);
    else query[key] = [value];
  }
  return query;
}
