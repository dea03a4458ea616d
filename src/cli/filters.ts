import type { QueryValue } from '#client/api-client';
import { UsageError } from './cli-error.ts';
import { invalidArgument } from './flag-parser.ts';

/**
 * `--filter name=value` options as the `filters` parameter of the API; nothing when there are none.
 *
 * @throws {UsageError} for one without `=`.
 */
export function filtersQuery(list: readonly string[], short?: string): { filters?: QueryValue } {
  if (list.length === 0) return {};
  const filters: Record<string, string[]> = {};
  for (const text of list) {
    const equals = text.indexOf('=');
    if (equals === -1) {
      const reason = 'bad format of filter (expected name=value)';
      throw new UsageError(invalidArgument('filter', short ? { short } : {}, text, reason));
    }
    const name = text.slice(0, equals).trim().toLowerCase();
    (filters[name] ??= []).push(text.slice(equals + 1).trim());
  }
  return { filters: JSON.stringify(filters) };
}
