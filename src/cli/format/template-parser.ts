import { type Chunk, lexTemplate, TemplateError, type Token } from './template-lexer.ts';

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with'; readonly pipe: Pipe; readonly body: Node[]; readonly otherwise: Node[] }
  | { readonly kind: 'range'; readonly pipe: Pipe; readonly body: Node[]; readonly otherwise: Node[] }
  | { readonly kind: 'break' | 'continue' };

/** `$a, $b := command | command`. */
export interface Pipe {
  readonly variables: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'call'; readonly name: string }
  /** `.A.B`, `$x.A`, `(pipe).A`; an empty path is the value itself. */
  | {
      readonly kind: 'path';
      readonly from: 'dot' | { variable: string } | { pipe: Pipe };
      readonly path: readonly string[];
    };

/** Reads a Go template (`text/template`). @throws {TemplateError} */
export function parseTemplate(source: string): Node[] {
  const parser = new Parser(lexTemplate(source));
  const nodes = parser.block([]);
  return nodes.body;
}

class Parser {
  readonly #chunks: readonly Chunk[];
  #at = 0;

  constructor(chunks: readonly Chunk[]) {
    this.#chunks = chunks;
  }

  /** Nodes up to one of the words in `ends`, or to the end of the template when there are none. */
  block(ends: readonly string[]): { body: Node[]; end: string; tail: readonly Token[] } {
    const body: Node[] = [];
    for (;;) {
      const chunk = this.#chunks[this.#at++];
      if (!chunk) {
        if (ends.length > 0) throw new TemplateError('unexpected EOF: {{end}} is missing');
        return { body, end: '', tail: [] };
      }
      if (chunk.kind === 'text') {
        body.push(chunk);
        continue;
      }
      const [head, ...tail] = chunk.tokens;
      if (!head) throw new TemplateError('missing value for command');
      const word = head.kind === 'word' ? head.text : '';
      if (ends.includes(word)) return { body, end: word, tail };
      if (word === 'end' || word === 'else') throw new TemplateError(`unexpected {{${chunk.source}}}`);
      body.push(this.#node(word, tail, chunk.tokens));
    }
  }

  #node(word: string, tail: readonly Token[], all: readonly Token[]): Node {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        return this.#branch(word, tail);
      case 'break':
      case 'continue':
        return { kind: word };
      case 'define':
      case 'template':
      case 'block':
        throw new TemplateError(`{{${word}}} is not supported`);
      default:
        return { kind: 'print', pipe: parsePipe(all) };
    }
  }

  #branch(kind: 'if' | 'with' | 'range', tokens: readonly Token[]): Node {
    const pipe = parsePipe(tokens);
    const { body, end, tail } = this.block(['else', 'end']);
    if (end === 'end') return { kind, pipe, body, otherwise: [] };
    const [next, ...rest] = tail;
    if (next) {
      if (next.text !== 'if' && next.text !== 'with')
        throw new TemplateError(`unexpected "${next.text}" after else`);
      return { kind, pipe, body, otherwise: [this.#branch(next.text, rest)] };
    }
    return { kind, pipe, body, otherwise: this.block(['end']).body };
  }
}

function parsePipe(tokens: readonly Token[]): Pipe {
  const reader = new TokenReader(tokens);
  const pipe = reader.pipe();
  if (!reader.done) throw new TemplateError(`unexpected "${reader.peek?.text}"`);
  return pipe;
}

class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  get peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  pipe(): Pipe {
    const { variables, assigns } = this.#declaration();
    const commands: Operand[][] = [this.#command()];
    while (this.peek?.text === '|' && this.peek.kind === 'symbol') {
      this.#at++;
      commands.push(this.#command());
    }
    return { variables, assigns, commands };
  }

  /** `$x :=`, `$i, $x :=` or `$x =` in front of a pipe; nothing is taken when there is none. */
  #declaration(): Pick<Pipe, 'variables' | 'assigns'> {
    const [first, second, third, fourth] = this.#tokens.slice(this.#at, this.#at + 4);
    if (first?.kind === 'variable' && (second?.text === ':=' || second?.text === '=')) {
      this.#at += 2;
      return { variables: [first.text], assigns: second.text === '=' };
    }
    if (
      first?.kind === 'variable' &&
      second?.text === ',' &&
      third?.kind === 'variable' &&
      fourth?.text === ':='
    ) {
      this.#at += 4;
      return { variables: [first.text, third.text], assigns: false };
    }
    return { variables: [], assigns: false };
  }

  #command(): Operand[] {
    const operands: Operand[] = [];
    for (let token = this.peek; token && !isEndOfCommand(token); token = this.peek)
      operands.push(this.#operand());
    if (operands.length === 0) throw new TemplateError('missing value for command');
    return operands;
  }

  #operand(): Operand {
    const token = this.peek;
    if (!token) throw new TemplateError('missing value for command');
    this.#at++;
    switch (token.kind) {
      case 'string':
        return { kind: 'literal', value: unquote(token.text) };
      case 'number':
        return { kind: 'literal', value: readNumber(token.text) };
      case 'word':
        return wordOperand(token.text);
      case 'variable':
        return { kind: 'path', from: { variable: token.text }, path: this.#fields() };
      case 'field':
        return { kind: 'path', from: 'dot', path: [...fieldName(token), ...this.#fields()] };
      case 'symbol':
        return this.#parenthesis(token);
    }
  }

  #parenthesis(token: Token): Operand {
    if (token.text !== '(') throw new TemplateError(`unexpected "${token.text}"`);
    const pipe = this.pipe();
    if (this.peek?.text !== ')') throw new TemplateError('unclosed left paren');
    this.#at++;
    return { kind: 'path', from: { pipe }, path: this.#fields() };
  }

  #fields(): string[] {
    const path: string[] = [];
    for (let token = this.peek; token?.kind === 'field' && token.attached; token = this.peek) {
      path.push(...fieldName(token));
      this.#at++;
    }
    return path;
  }
}

function isEndOfCommand(token: Token): boolean {
  return token.kind === 'symbol' && token.text !== '(';
}

function fieldName(token: Token): string[] {
  return token.text === '.' ? [] : [token.text.slice(1)];
}

function wordOperand(word: string): Operand {
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  if (word === 'nil') return { kind: 'literal', value: null };
  return { kind: 'call', name: word };
}

function readNumber(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isNaN(value)) throw new TemplateError(`bad number syntax: "${text}"`);
  return value;
}

/** The value of a Go string literal, quoted or raw. */
function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return text.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (_, escape: string) => {
    if (/^[ux]./.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return ESCAPES[escape] ?? escape;
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};
