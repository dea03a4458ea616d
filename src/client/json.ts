/** A parsed JSON value as it came over the wire, of any shape. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * Readers for answers of an engine. Like Go's decoder they take what is absent or `null` for the zero value; a value of
 * another type than asked for counts as absent too, so that one odd field of a foreign engine does not stop a listing.
 *
 * These are not valibot schemas because `ps` has 30 ms from the shell to its output, and loading valibot takes 3 of them.
 */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let here = value;
  for (const key of path) {
    if (!isObject(here)) return undefined;
    here = Object.hasOwn(here, key) ? here[key] : undefined;
  }
  return here;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function numberAt(value: Json | undefined, ...path: readonly string[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : 0;
}

export function flagAt(value: Json | undefined, ...path: readonly string[]): boolean {
  return at(value, ...path) === true;
}

export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = at(value, ...path);
  return isList(found) ? found : [];
}

export function textsAt(value: Json | undefined, ...path: readonly string[]): string[] {
  return listAt(value, ...path).filter(item => typeof item === 'string');
}

export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

/** @throws {SyntaxError} when `text` is not JSON. */
export function parseJson(text: string): Json {
  // JSON.parse returns exactly the values that Json describes; its own type is `any`.
  return JSON.parse(text) as Json;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
