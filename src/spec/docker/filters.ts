import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { LinearPattern } from '#base/linear-pattern';
import { mapOf } from './lenient.ts';
import { queryText } from './query.ts';

/** A decoded `filters` parameter: filter name → accepted values. */
export type Filters = ReadonlyMap<string, readonly string[]>;

const Current = mapOf(mapOf(v.boolean()));
const Legacy = mapOf(v.nullable(v.array(v.string())));

/**
 * Decodes `filters`, in the form of API 1.22 and later (`{"name":{"value":true}}`) or in the one before
 * (`{"name":["value"]}`, which many clients still send).
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function parseFilters(text: string): Filters {
  if (text === '') return new Map();
  const raw = parseJson(text);
  if (raw === null) return new Map();
  if (Array.isArray(raw)) throw new EngineError('invalid', 'invalid filter'); // a record schema lets lists through
  const current = v.safeParse(Current, raw);
  if (current.success) {
    return new Map(Object.entries(current.output).map(([name, set]) => [name, Object.keys(set)]));
  }
  const legacy = v.safeParse(Legacy, raw);
  if (!legacy.success) throw new EngineError('invalid', 'invalid filter');
  return new Map(Object.entries(legacy.output).map(([name, list]) => [name, [...new Set(list)]]));
}

/** The `filters` parameter of a route that knows `names`. */
export function queryFilters(names: readonly string[]) {
  return v.pipe(
    queryText,
    v.transform(text => {
      const filters = parseFilters(text);
      for (const name of filters.keys()) if (!names.includes(name)) throw invalidFilter(name);
      return filters;
    }),
  );
}

/** The `filters` parameter of a route that, like Docker's, ignores names it does not know. */
export const anyFilters = v.pipe(queryText, v.transform(parseFilters));

/** A filter that is one truth value. @returns `fallback` when it is absent. */
export function booleanFilter(filters: Filters, name: string, fallback: boolean): boolean {
  const given = filters.get(name);
  if (!given) return fallback;
  const isTrue = given.includes('1') || given.includes('true');
  const isFalse = given.includes('0') || given.includes('false');
  if (isTrue === isFalse) throw invalidFilter(`${name}=[${given.join(' ')}]`);
  return isTrue;
}

/** Whether `text` is one of the values of a filter; an absent filter accepts everything. */
export function matchesExactly(filters: Filters, name: string, text: string): boolean {
  const given = filters.get(name);
  return !given || given.length === 0 || given.includes(text);
}

/** Whether `text` starts with one of the values of a filter. */
export function matchesPrefix(filters: Filters, name: string, text: string): boolean {
  const given = filters.get(name);
  return !given || given.length === 0 || given.some(prefix => text.startsWith(prefix));
}

/** Whether one of the values of a filter is `text`, or a regular expression found in it. */
export function matchesPattern(filters: Filters, name: string, text: string): boolean {
  const given = filters.get(name);
  if (!given || given.length === 0 || given.includes(text)) return true;
  return patternsOf(given).some(pattern => pattern.test(text));
}

/** Whether all of `key` and `key=value` hold in `labels`. */
export function matchesLabels(
  filters: Filters,
  name: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (filters.get(name) ?? []).every(wanted => hasLabel(labels, wanted));
}

/** For filters such as `label!`: whether none of `key` and `key=value` holds in `labels`. */
export function matchesNoLabel(
  filters: Filters,
  name: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  return !(filters.get(name) ?? []).some(unwanted => hasLabel(labels, unwanted));
}

export function invalidFilter(text: string): EngineError {
  return new EngineError('invalid', `invalid filter '${text}'`);
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const mark = wanted.indexOf('=');
  const key = mark < 0 ? wanted : wanted.slice(0, mark);
  return Object.hasOwn(labels, key) && (mark < 0 || labels[key] === wanted.slice(mark + 1));
}

/** One filter is asked for each of many names. */
const compiled = new WeakMap<readonly string[], readonly LinearPattern[]>();

/** What is no pattern only matches itself. */
function patternsOf(values: readonly string[]): readonly LinearPattern[] {
  const known = compiled.get(values);
  if (known) return known;
  const patterns = values.flatMap(value => LinearPattern.parse(value) ?? []);
  compiled.set(values, patterns);
  return patterns;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new EngineError('invalid', 'invalid filter', { cause: error });
  }
}
