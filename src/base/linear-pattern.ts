/**
 * A regular expression that takes time proportional to the text, whatever the pattern: clients send patterns, and
 * V8 backtracks. Syntax of RE2 as far as names need it: literals, `.`, classes, `^`, `$`, groups, `|`, `*`, `+`, `?`,
 * `{m,n}`, `\d \w \s` and their opposites, `(?i)` at the start.
 *
 * Compiled to instructions that are run for all threads at once (Thompson 1968; "Regular Expression Matching: the
 * Virtual Machine Approach", R. Cox, 2009).
 */
export class LinearPattern {
  readonly #program: readonly Instruction[];

  private constructor(program: readonly Instruction[]) {
    this.#program = program;
  }

  /** `undefined` when it is not a pattern, or too large a one. */
  static parse(source: string): LinearPattern | undefined {
    try {
      const program = new Compiler(source).compile();
      return new LinearPattern(program);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Whether it matches anywhere in the text. */
  test(text: string): boolean {
    let here = new Position(this.#program, { at: 0, text });
    for (let at = 0; at <= text.length; at += 1) {
      here.follow(0);
      const next = new Position(this.#program, { at: at + 1, text });
      for (const index of here.threads) {
        const instruction = this.#program[index];
        if (instruction?.type === 'match') return true;
        const isHit =
          instruction?.type === 'character' && at < text.length && instruction.accepts(text.charAt(at));
        if (isHit) next.follow(index + 1);
      }
      here = next;
    }
    return false;
  }
}

/** What can be going on at one place of the text: each instruction is come to at most once. */
class Position {
  /** instructions that read a character, or are the end */
  readonly threads: number[] = [];
  readonly #program: readonly Instruction[];
  readonly #at: number;
  readonly #text: string;
  readonly #seen: Uint8Array;

  constructor(program: readonly Instruction[], { at, text }: { readonly at: number; readonly text: string }) {
    this.#program = program;
    this.#at = at;
    this.#text = text;
    this.#seen = new Uint8Array(program.length + 1);
  }

  /** Adds the instructions reachable from `index` without reading a character. */
  follow(index: number): void {
    const pending = [index];
    for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
      if (this.#seen[current] === 1) continue;
      this.#seen[current] = 1;
      const instruction = this.#program[current];
      if (instruction?.type === 'split') pending.push(...instruction.targets);
      else if (instruction?.type === 'start') pending.push(...(this.#at === 0 ? [current + 1] : []));
      else if (instruction?.type === 'end') {
        pending.push(...(this.#at === this.#text.length ? [current + 1] : []));
      } else this.threads.push(current);
    }
  }
}

type Instruction =
  | { readonly type: 'character'; accepts(character: string): boolean }
  | { readonly type: 'split'; targets: readonly number[] }
  | { readonly type: 'start' | 'end' | 'match' };

/** Instructions; together with the length of the text it bounds the time. */
const LARGEST_PROGRAM = 500;
const DEEPEST_NESTING = 50;
/** Many repetitions of nothing make no instructions, and still take time. */
const LONGEST_SOURCE = 1000;

class Compiler {
  readonly #source: string;
  readonly #flags: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    if (source.length > LONGEST_SOURCE) throw new SyntaxError('too long');
    const isInsensitive = source.startsWith('(?i)');
    this.#source = isInsensitive ? source.slice(4) : source;
    this.#flags = isInsensitive ? 'iu' : 'u';
  }

  compile(): Instruction[] {
    const program = [...this.#alternatives(), { type: 'match' } as const];
    if (this.#at < this.#source.length) throw new SyntaxError('unexpected )');
    return program;
  }

  #alternatives(): Instruction[] {
    this.#depth += 1;
    if (this.#depth > DEEPEST_NESTING) throw new SyntaxError('nested too deeply');
    let code = this.#sequence();
    while (this.#take('|')) {
      const other = this.#sequence();
      code = bounded([
        { type: 'split', targets: [1, code.length + 2] },
        ...shifted(code, 1),
        { type: 'split', targets: [code.length + 2 + other.length] },
        ...shifted(other, code.length + 2),
      ]);
    }
    this.#depth -= 1;
    return code;
  }

  #sequence(): Instruction[] {
    let code: Instruction[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#peek())) {
      const piece = this.#repeated();
      code = bounded([...code, ...shifted(piece, code.length)]);
    }
    return code;
  }

  #repeated(): Instruction[] {
    let code = this.#atom();
    for (;;) {
      const range = this.#quantifier();
      if (!range) return code;
      this.#take('?'); // lazy or greedy makes no difference to whether it matches
      code = repeat(code, range);
    }
  }

  #quantifier(): { readonly least: number; readonly most: number } | undefined {
    if (this.#take('*')) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#take('+')) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#take('?')) return { least: 0, most: 1 };
    const counted = /^\{(\d{1,3})(,(\d{0,3}))?\}/.exec(this.#source.slice(this.#at, this.#at + 10));
    if (!counted) return undefined;
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    const most =
      counted[2] === undefined ? least : counted[3] ? Number(counted[3]) : Number.POSITIVE_INFINITY;
    if (most < least) throw new SyntaxError('bad repetition');
    return { least, most };
  }

  #atom(): Instruction[] {
    if (this.#take('^')) return [{ type: 'start' }];
    if (this.#take('$')) return [{ type: 'end' }];
    if (this.#take('(')) return this.#group();
    if ('*+?'.includes(this.#peek())) throw new SyntaxError('nothing to repeat');
    return [this.#character(this.#characterSource())];
  }

  #group(): Instruction[] {
    if (this.#take('?') && !this.#take(':')) throw new SyntaxError('unknown group');
    const code = this.#alternatives();
    if (!this.#take(')')) throw new SyntaxError('missing )');
    return code;
  }

  /** The text of one literal, escape, class or dot. */
  #characterSource(): string {
    const rest = this.#source.slice(this.#at);
    const [found] = /^(?:\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[\s\S])/u.exec(rest) ?? [''];
    this.#at += found.length;
    if (found === '[' || found === '\\') throw new SyntaxError('unfinished');
    if (/^\\[a-zA-Z0-9]/.test(found) && !/^\\[dDwWsSnrt]/.test(found))
      throw new SyntaxError('unknown escape');
    return found;
  }

  #character(source: string): Instruction {
    const escaped = /^[{}\]/\-!"#%&',:;<=>@_`~]$/.test(source.replace(/^\\/, ''))
      ? source.replace(/^\\/, '')
      : '';
    if (escaped !== '') return { type: 'character', accepts: character => character === escaped };
    // One character against one class: nothing here can backtrack.
    const single = new RegExp(`^(?:${source})$`, this.#flags);
    return { type: 'character', accepts: character => single.test(character) };
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }
}

function repeat(
  code: readonly Instruction[],
  { least, most }: { least: number; most: number },
): Instruction[] {
  let result: Instruction[] = [];
  for (let count = 0; count < least; count += 1)
    result = bounded([...result, ...shifted(code, result.length)]);
  if (most === Number.POSITIVE_INFINITY) {
    const start = result.length;
    const end = start + code.length + 2;
    return bounded([
      ...result,
      { type: 'split', targets: [start + 1, end] },
      ...shifted(code, start + 1),
      { type: 'split', targets: [start] },
    ]);
  }
  for (let count = least; count < most; count += 1) {
    const start = result.length;
    result = bounded([
      ...result,
      { type: 'split', targets: [start + 1, start + 1 + code.length] },
      ...shifted(code, start + 1),
    ]);
  }
  return result;
}

function shifted(code: readonly Instruction[], by: number): Instruction[] {
  return code.map(instruction =>
    instruction.type === 'split'
      ? { type: 'split', targets: instruction.targets.map(target => target + by) }
      : instruction,
  );
}

function bounded(code: Instruction[]): Instruction[] {
  if (code.length > LARGEST_PROGRAM) throw new SyntaxError('too large');
  return code;
}
