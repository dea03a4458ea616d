/** A piece of a Go template: text between actions, or the words of one action. */
export type Chunk =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly source: string; readonly tokens: readonly Token[] };

export interface Token {
  readonly kind: 'word' | 'field' | 'variable' | 'string' | 'number' | 'symbol';
  readonly text: string;
  /** Follows the token before without space: `$x.Name`, `(index . 0).Name`. */
  readonly attached: boolean;
}

export class TemplateError extends Error {
  override readonly name: string = 'TemplateError';
}

/** The template names a field or function that does not exist. */
export class UnknownNameError extends TemplateError {
  override readonly name = 'UnknownNameError';
}

/** Cuts a template at `{{` and `}}`, with `{{-` and `-}}` trimming the text beside them. @throws {TemplateError} */
export function lexTemplate(source: string): Chunk[] {
  const chunks: Chunk[] = [];
  let at = 0;
  let trimsNext = false;
  for (;;) {
    const open = source.indexOf('{{', at);
    const raw = source.slice(at, open === -1 ? undefined : open);
    const trimsBefore = open !== -1 && /^-\s/.test(source.slice(open + 2, open + 4));
    let text = trimsNext ? raw.trimStart() : raw;
    if (trimsBefore) text = text.trimEnd();
    if (text) chunks.push({ kind: 'text', text });
    if (open === -1) return chunks;
    const start = open + (trimsBefore ? 3 : 2);
    const close = endOfAction(source, start);
    const inner = source.slice(start, close);
    trimsNext = /\s-$/.test(inner);
    const body = (trimsNext ? inner.slice(0, -1) : inner).trim();
    if (!(body.startsWith('/*') && body.endsWith('*/'))) {
      chunks.push({ kind: 'action', source: body, tokens: lexAction(body) });
    }
    at = close + 2;
  }
}

function endOfAction(source: string, start: number): number {
  let quote = '';
  for (let at = start; at < source.length; at++) {
    const letter = source[at] ?? '';
    if (quote) {
      if (letter === '\\' && quote !== '`') at++;
      else if (letter === quote) quote = '';
    } else if (letter === '"' || letter === '`') quote = letter;
    else if (source.startsWith('}}', at)) return at;
  }
  throw new TemplateError('unclosed action');
}

const TOKEN = new RegExp(
  [
    /(?<space>\s+)/,
    /(?<string>"(?:[^"\\]|\\.)*"|`[^`]*`)/,
    /(?<number>[+-]?\d[\w.]*)/,
    /(?<field>\.[\p{L}_][\p{L}\p{N}_]*|\.)/u,
    /(?<variable>\$[\p{L}\p{N}_]*)/u,
    /(?<word>[\p{L}_][\p{L}\p{N}_]*)/u,
    /(?<symbol>:=|[|(),=])/,
  ]
    .map(part => part.source)
    .join('|'),
  'uy',
);

function lexAction(body: string): Token[] {
  const tokens: Token[] = [];
  let attached = false;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < body.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(body)?.groups;
    if (!groups) throw new TemplateError(`unexpected "${body.slice(at, at + 10)}" in {{${body}}}`);
    const [kind, text = ''] = Object.entries(groups).find(([, value]) => value !== undefined) ?? [];
    if (kind === 'space') {
      attached = false;
      continue;
    }
    // the group names of TOKEN are exactly the kinds, and `space` is done with
    tokens.push({ kind: kind as Token['kind'], text, attached });
    attached = true;
  }
  return tokens;
}
