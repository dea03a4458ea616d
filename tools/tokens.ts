/** One lexical token of TypeScript source; comments and white space are left out. */
export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'punctuation';
  /** words and punctuation as written; strings and templates without their quotes, escapes as written */
  readonly text: string;
  readonly line: number;
}

/** After one of these a slash begins a regular expression; after other words and values it divides. */
const BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'delete',
  'void',
  'throw',
  'new',
  'else',
]);

/**
 * Cuts source into tokens, well enough to find imports and uses of globals: strings, template literals
 * (code inside `${}` becomes tokens too), comments and regular expressions are told apart.
 */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const scanner = { source, at: 0, line: 1 };
  scanCode(scanner, tokens, false);
  return tokens;
}

interface Scanner {
  readonly source: string;
  at: number;
  line: number;
}

const PATTERNS = {
  blank: /[^\S\n]+/y,
  comment: /\/\/[^\n]*|\/\*[^]*?\*\//y,
  string: /'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y,
  regex: /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y,
  word: /[\p{ID_Start}$_#@][\p{ID_Continue}$]*|\d[\w.]*/uy,
};

function scanCode(scanner: Scanner, tokens: Token[], isInTemplate: boolean): void {
  let depth = 0;
  while (scanner.at < scanner.source.length) {
    const char = scanner.source[scanner.at];
    if (char === '\n') {
      scanner.line += 1;
      scanner.at += 1;
    } else if (char === '`') {
      scanTemplate(scanner, tokens);
    } else if (!take(scanner, 'blank') && !take(scanner, 'comment')) {
      if (isInTemplate && char === '}' && depth === 0) return;
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      tokens.push(nextToken(scanner, tokens.at(-1)));
    }
  }
}

function nextToken(scanner: Scanner, previous: Token | undefined): Token {
  const { line } = scanner;
  const word = take(scanner, 'word');
  if (word) return { kind: 'word', text: word, line };
  const string = take(scanner, 'string');
  if (string) return { kind: 'string', text: string.slice(1, -1), line };
  const regex = mayBeRegex(previous) ? take(scanner, 'regex') : undefined;
  if (regex) return { kind: 'template', text: regex, line };
  const text = scanner.source[scanner.at] ?? '';
  scanner.at += 1;
  return { kind: 'punctuation', text, line };
}

function mayBeRegex(previous: Token | undefined): boolean {
  if (!previous) return true;
  if (previous.kind === 'word') return BEFORE_REGEX.has(previous.text);
  return previous.kind === 'punctuation' && !')]}'.includes(previous.text);
}

/** The code inside `${}` comes first, then the literal itself with those places left empty. */
function scanTemplate(scanner: Scanner, tokens: Token[]): void {
  const { line } = scanner;
  let text = '';
  scanner.at += 1;
  for (;;) {
    const char = scanner.source[scanner.at];
    if (char === undefined) break;
    if (char === '`') {
      scanner.at += 1;
      break;
    }
    if (char === '$' && scanner.source[scanner.at + 1] === '{') {
      scanner.at += 2;
      tokens.push({ kind: 'punctuation', text: '(', line: scanner.line });
      scanCode(scanner, tokens, true);
      tokens.push({ kind: 'punctuation', text: ')', line: scanner.line });
      text += '${}';
      scanner.at += 1;
      continue;
    }
    const length = char === '\\' ? 2 : 1;
    const piece = scanner.source.slice(scanner.at, scanner.at + length);
    if (piece.includes('\n')) scanner.line += 1;
    text += piece;
    scanner.at += length;
  }
  tokens.push({ kind: 'template', text, line });
}

function take(scanner: Scanner, pattern: keyof typeof PATTERNS): string | undefined {
  const expression = PATTERNS[pattern];
  expression.lastIndex = scanner.at;
  const text = expression.exec(scanner.source)?.[0];
  if (text === undefined) return undefined;
  scanner.at += text.length;
  if (pattern === 'comment' || pattern === 'string') scanner.line += text.split('\n').length - 1;
  return text;
}
