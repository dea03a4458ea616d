/** The names in braces of a pattern, as the keys of what it matches. */
export type PathParams<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string } & PathParams<Rest>
  : unknown;

export interface PathPattern {
  readonly text: string;
  /** what stands before, between and after the names: one more than there are names */
  readonly literals: readonly string[];
  readonly names: readonly string[];
}

/**
 * Reads a pattern such as `/images/{name}/json`. A name in braces takes one or more characters, slashes included,
 * because image names have them: `localhost:5000/a/b:1`.
 */
export function pathPattern(text: string): PathPattern {
  const names = [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return { text, literals: text.split(/\{\w+\}/), names };
}

/**
 * What the names in braces stand for in `path`, or `undefined` when it does not match. Where a path can be read in several ways the
 * first name takes as much as it can, then the second, and so on.
 *
 * Read from its end, where the last of all places of a literal is always the right one: a path is gone through once for each name,
 * whatever is in it. A regular expression of the same meaning takes minutes for a path that somebody made for it.
 */
export function matchPath(
  { literals, names }: PathPattern,
  path: string,
): Record<string, string> | undefined {
  const [first = '', ...others] = literals;
  const last = others.pop();
  if (last === undefined) return path === first ? {} : undefined;
  if (!path.startsWith(first) || !path.endsWith(last)) return undefined;
  const values: string[] = [];
  let end = path.length - last.length;
  for (const literal of others.reverse()) {
    const from = end - 1 - literal.length;
    const at = from < first.length ? -1 : path.lastIndexOf(literal, from);
    if (at < 0) return undefined;
    values.unshift(path.slice(at + literal.length, end));
    end = at;
  }
  if (end <= first.length) return undefined;
  values.unshift(path.slice(first.length, end));
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
