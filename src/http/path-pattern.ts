/** The names in braces of a pattern, as the keys of what it matches. */
export type PathParams<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string } & PathParams<Rest>
  : unknown;

export interface PathPattern {
  readonly text: string;
  /** the part before the first brace: a cheap test that spares most of the matching */
  readonly prefix: string;
  readonly regex: RegExp | undefined;
  readonly names: readonly string[];
}

/**
 * Compiles a pattern such as `/images/{name}/json`. A name in braces takes one or more characters, slashes included,
 * because image names have them: `localhost:5000/a/b:1`.
 */
export function pathPattern(text: string): PathPattern {
  const names: string[] = [];
  const source = text.replace(/\{(\w+)\}|[.*+?^${}()|[\]\\]/g, (token: string, name: string | undefined) => {
    if (name === undefined) return `\\${token}`;
    names.push(name);
    return '(.+)';
  });
  const brace = text.indexOf('{');
  return {
    text,
    prefix: brace < 0 ? text : text.slice(0, brace),
    regex: names.length > 0 ? new RegExp(`^${source}$`, 's') : undefined,
    names,
  };
}

/** What the names in braces stand for in `path`, or `undefined` when it does not match. */
export function matchPath(pattern: PathPattern, path: string): Record<string, string> | undefined {
  if (!pattern.regex) return path === pattern.text ? {} : undefined;
  if (!path.startsWith(pattern.prefix)) return undefined;
  const match = pattern.regex.exec(path);
  if (!match) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of pattern.names.entries()) params[name] = match[index + 1] ?? '';
  return params;
}
