import { type Json, textAt } from '#client/json';

/** Sorted by their names as people count: `web2` before `web10`. */
export function byName(list: readonly Json[]): Json[] {
  return list.toSorted((a, b) => textAt(a, 'Name').localeCompare(textAt(b, 'Name'), 'en', { numeric: true }));
}
