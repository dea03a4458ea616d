import { type Token, tokenize } from './tokens.ts';

/** One place where a source file names another module or a guarded global. */
export interface ModuleUse {
  readonly kind: 'import' | 'global' | 'unreadable';
  /** module specifier, global as written, or what could not be read */
  readonly name: string;
  readonly isTypeOnly: boolean;
  readonly line: number;
}

/**
 * Every static, type-only, re-exporting and dynamic import of a source text, `import()` types,
 * `new URL('./x.ts', import.meta.url)` (how workers are named) and every use of the given globals.
 */
export function moduleUses(source: string, globals: readonly string[]): ModuleUse[] {
  const tokens = tokenize(source);
  const uses: ModuleUse[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const use = useAt(tokens, at, globals);
    if (use && !(use.kind === 'global' && isShadowed(tokens, at))) uses.push(use);
  }
  return uses;
}

function useAt(tokens: readonly Token[], at: number, globals: readonly string[]): ModuleUse | undefined {
  const token = tokens[at];
  if (token?.kind !== 'word' || isMember(tokens, at)) return undefined;
  if (token.text === 'import' || token.text === 'export') return importAt(tokens, at);
  if (token.text === 'require') return requireAt(tokens, at);
  if (token.text === 'URL') return urlAt(tokens, at);
  return globalAt(tokens, at, globals);
}

/** `a.b` and `{ b: … }` are names of their own, not the global or keyword. */
function isMember(tokens: readonly Token[], at: number): boolean {
  const isAfterDot = tokens[at - 1]?.text === '.' && tokens[at - 2]?.text !== 'globalThis';
  return isAfterDot && tokens[at - 2]?.text !== '.'; // `...x` is a spread
}

function importAt(tokens: readonly Token[], at: number): ModuleUse | undefined {
  const { text, line } = tokens[at] ?? { text: '', line: 0 };
  const next = tokens[at + 1];
  if (next?.text === '(' && text === 'import') {
    return isMethod(tokens, at) ? undefined : callAt(tokens, at, isTypeQuery(tokens, at));
  }
  if (next?.kind === 'string' && text === 'import') return found(next.text, false, line);
  const from = fromClause(tokens, at);
  return from ? found(from.text, isTypeClause(tokens, at), line) : undefined;
}

/** `import('x')` in a type position: behind a colon of a declaration it cannot be told, so only `typeof` counts. */
function isTypeQuery(tokens: readonly Token[], at: number): boolean {
  return tokens[at - 1]?.text === 'typeof';
}

/** `import(options: X): Y` and `async import() {` declare a method of that name. */
function isMethod(tokens: readonly Token[], at: number): boolean {
  let depth = 0;
  for (let next = at + 1; next < tokens.length; next += 1) {
    if (tokens[next]?.text === '(') depth += 1;
    if (tokens[next]?.text === ')') depth -= 1;
    if (depth === 0) return ['{', ':'].includes(tokens[next + 1]?.text ?? '');
  }
  return false;
}

function callAt(tokens: readonly Token[], at: number, isTypeOnly: boolean): ModuleUse {
  const argument = tokens[at + 2];
  const line = tokens[at]?.line ?? 0;
  const isLiteral =
    argument?.kind === 'string' || (argument?.kind === 'template' && !argument.text.includes('${'));
  if (isLiteral) return found(argument.text, isTypeOnly, line);
  return { kind: 'unreadable', name: `${tokens[at]?.text ?? ''}(…)`, isTypeOnly, line };
}

/** The module of `import … from 'x'` and `export … from 'x'`; nothing for declarations that are exported. */
function fromClause(tokens: readonly Token[], at: number): Token | undefined {
  for (let next = at + 1; next < tokens.length; next += 1) {
    const token = tokens[next];
    if (token?.text === 'from' && tokens[next + 1]?.kind === 'string') return tokens[next + 1];
    const isClause = token?.kind === 'word' || ['{', '}', ',', '*'].includes(token?.text ?? '');
    const isString = token?.kind === 'string'; // `{ 'a-b' as c }`
    if (!isClause && !isString) return undefined;
    if (token?.kind === 'word' && DECLARATIONS.has(token.text)) return undefined;
  }
  return undefined;
}

const DECLARATIONS = new Set([
  'const',
  'let',
  'var',
  'function',
  'class',
  'interface',
  'abstract',
  'declare',
]);

function isTypeClause(tokens: readonly Token[], at: number): boolean {
  const next = tokens[at + 1];
  if (next?.text === 'type') return tokens[at + 2]?.text !== 'from';
  if (next?.text !== '{') return false;
  // `{ type A, type B }`: nothing of it is left at run time
  const names: Token[][] = [[]];
  for (let index = at + 2; tokens[index] && tokens[index]?.text !== '}'; index += 1) {
    const token = tokens[index];
    if (token?.text === ',') names.push([]);
    else if (token) names.at(-1)?.push(token);
  }
  return names.filter(name => name.length > 0).every(name => name[0]?.text === 'type' && name.length > 1);
}

function requireAt(tokens: readonly Token[], at: number): ModuleUse | undefined {
  return tokens[at + 1]?.text === '(' ? callAt(tokens, at, false) : undefined;
}

function urlAt(tokens: readonly Token[], at: number): ModuleUse | undefined {
  const argument = tokens[at + 2];
  if (tokens[at + 1]?.text !== '(' || argument?.kind !== 'string') return undefined;
  if (!/^\.\.?\/.*\.ts$/.test(argument.text)) return undefined;
  return found(argument.text, false, argument.line);
}

function globalAt(tokens: readonly Token[], at: number, globals: readonly string[]): ModuleUse | undefined {
  const { text = '', line = 0 } = tokens[at] ?? {};
  const next = tokens[at + 1]?.text;
  if (globals.includes(text)) {
    const isUse = next === '.' || next === '[' || next === '?';
    return isUse ? { kind: 'global', name: text, isTypeOnly: false, line } : undefined;
  }
  const member = next === '.' || next === '[' ? tokens[at + 2]?.text : undefined;
  const name = `${text}.${member ?? ''}`;
  return globals.includes(name) ? { kind: 'global', name, isTypeOnly: false, line } : undefined;
}

/** Whether the word at `at` is a parameter or a constant of a block around it that bears the global's name. */
function isShadowed(tokens: readonly Token[], at: number): boolean {
  const name = tokens[at]?.text;
  let depth = 0;
  for (let index = at - 1; index > 0; index -= 1) {
    const text = tokens[index]?.text ?? '';
    if (')]}'.includes(text)) depth += 1;
    if (!'([{'.includes(text)) {
      if (depth <= 0 && text === name && DECLARING.has(tokens[index - 1]?.text ?? '')) return true;
      continue;
    }
    depth -= 1;
    if (depth >= 0) continue;
    if (text === '{' && parametersBefore(tokens, index).includes(name ?? '')) return true;
    depth = 0; // outside that bracket now: what stands before it is in scope too
  }
  return false;
}

const DECLARING = new Set(['const', 'let', 'var']);

/** Names of the parameters of the function whose body opens at `brace`; none for other blocks. */
function parametersBefore(tokens: readonly Token[], brace: number): string[] {
  let close = brace - 1;
  while (close > 0 && ![')', ';', '{', '}'].includes(tokens[close]?.text ?? '')) close -= 1; // over a return type
  if (tokens[close]?.text !== ')') return [];
  const names: string[] = [];
  let depth = 0;
  for (let index = close; index > 0; index -= 1) {
    const text = tokens[index]?.text ?? '';
    if (')]}'.includes(text)) depth += 1;
    if ('([{'.includes(text)) depth -= 1;
    if (depth === 0) break;
    const isName = [':', ',', ')', '=', '?'].includes(tokens[index + 1]?.text ?? '');
    if (depth === 1 && isName && ['(', ','].includes(tokens[index - 1]?.text ?? '')) names.push(text);
  }
  return names;
}

function found(name: string, isTypeOnly: boolean, line: number): ModuleUse {
  return { kind: 'import', name, isTypeOnly, line };
}
