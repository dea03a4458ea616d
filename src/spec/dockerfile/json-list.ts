import { badInstruction } from './dockerfile-error.ts';

/**
 * The list of a JSON form; `undefined` when the text is none, which then is meant for the shell or is split at blanks.
 *
 * @throws {EngineError} `invalid`, for a list that holds something else than strings.
 */
export function jsonList(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (!value.every(item => typeof item === 'string')) {
    throw badInstruction('when using JSON array syntax, arrays must be comprised of strings only');
  }
  return value;
}

/** A list that was meant as one, and is not: `['a']`, `[“a”]`, `["a",]`. */
export function looksLikeJsonList(text: string): boolean {
  return /^\[\s*["'\u2018-\u201f].*\]$/s.test(text.trim());
}
