import { escapedLines } from '#base/plain-text';

/**
 * Parses JSON without losing digits: whole numbers beyond 2^53 become bigints. The rest is as `JSON.parse` has it.
 *
 * @throws {SyntaxError}
 */
export function parseExactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const isCut = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
    return isCut && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? 0) : value;
  };
  return JSON.parse(text, revive);
}

/** No document goes deeper that is for people; one that does would become quadratically longer. */
const DEEPEST = 100;

/**
 * Lays JSON out over lines without touching names, numbers and their order, as Go's `json.Indent` does. What JSON allows in a
 * text and a terminal would obey is escaped.
 */
export function indentJson(text: string, indent: string): string {
  let result = '';
  let previous = '';
  let depth = 0;
  const newline = (): string => `\n${indent.repeat(Math.min(depth, DEEPEST))}`;
  // one token a match: a string, a bracket or separator, or anything else up to the next of those
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g)) {
    const isClosing = token === '}' || token === ']';
    const isAfterOpening = previous === '{' || previous === '[';
    if (isClosing) depth--;
    if (depth < 0) return escapedLines(text); // somebody else's idea of JSON
    if (isAfterOpening !== isClosing || previous === ',') result += newline();
    result += token === ':' ? ': ' : token;
    if (token === '{' || token === '[') depth++;
    previous = token;
  }
  return escapedLines(result);
}
