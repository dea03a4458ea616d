import { EngineError } from '#base/errors';
import type { Escape, Word } from './instructions.ts';
import { ShellPattern } from './shell-pattern.ts';

/** What a `$name` stands for; `undefined`: nothing of that name. */
export type Variables = (name: string) => string | undefined;

export interface ExpandOptions {
  /** what takes the meaning of a character away; a backslash when absent */
  readonly escape?: Escape;
  /** quotes mean nothing and stay, as in the body of a here-document */
  readonly keepsQuotes?: boolean;
}

/**
 * A word of a Dockerfile with its variables replaced, its quotes taken off and its escapes resolved; blanks in it stay.
 *
 * Variables are `$name`, `${name}`, `${name:-word}`, `${name:+word}`, `${name:?message}` (without the colon: empty counts as set),
 * `${name#pattern}`, `${name##pattern}`, `${name%pattern}`, `${name%%pattern}`, `${name/pattern/by}`, `${name//pattern/by}`.
 * They are not replaced between single quotes, nor after the escape. A name that nothing is known of stands for nothing.
 *
 * @throws {EngineError} `invalid`, for what does not end or is not a substitution, and for a variable that `?` insists on.
 */
export function expandWord(word: Word, variables: Variables, options: ExpandOptions = {}): string {
  return expand(word, variables, options).text;
}

/** The same split at blanks outside quotes; blanks that a variable brings split too. Empty words are left out. */
export function expandWords(word: Word, variables: Variables, options: ExpandOptions = {}): string[] {
  return expand(word, variables, options).words;
}

interface Expanded {
  readonly text: string;
  readonly words: string[];
}

function expand(word: Word, variables: Variables, options: ExpandOptions): Expanded {
  try {
    const reader = new WordReader(word, variables, options);
    return reader.until('').done();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError('invalid', `failed to process ${quoted(word)}: ${error.message}`);
  }
}

/** What a program can be given in one variable or argument is 128 KiB (execve(2)). */
const LONGEST_RESULT = 1024 * 1024;
const DEEPEST = 100;
const DIGITS = /[0-9]+/y;
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
/** Parameters that a shell has; here they stand for nothing. */
const SPECIAL = new Set(['@', '*', '#', '?', '-', '$', '!']);

class WordReader {
  readonly #text: string;
  readonly #variables: Variables;
  readonly #escape: Escape;
  readonly #keepsQuotes: boolean;
  #at = 0;
  #depth = 0;
  /** escapes stay, for the pattern that this is a part of */
  #keepsEscapes = false;

  constructor(text: string, variables: Variables, { escape = '\\', keepsQuotes = false }: ExpandOptions) {
    this.#text = text;
    this.#variables = variables;
    this.#escape = escape;
    this.#keepsQuotes = keepsQuotes;
  }

  /** Up to that character, which is passed over; an empty one is the end of the text. */
  until(end: string): Pieces {
    const pieces = new Pieces();
    while (this.#at < this.#text.length) {
      const char = this.#next();
      if (char === end) return pieces;
      if (char === '$') pieces.add(this.#variable());
      else if (char === "'" && !this.#keepsQuotes) pieces.addRaw(this.#singleQuoted());
      else if (char === '"' && !this.#keepsQuotes) pieces.addRaw(this.#doubleQuoted());
      else if (char === this.#escape) pieces.addRaw((this.#keepsEscapes ? char : '') + this.#next());
      else pieces.add(char);
    }
    if (end !== '') throw new RangeError(`syntax error: missing '${end}'`);
    return pieces;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    const char = this.#peek();
    this.#at += 1;
    return char;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) throw new RangeError('unexpected end of statement while looking for matching single-quote');
    const content = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return content;
  }

  #doubleQuoted(): string {
    const pieces = new Pieces();
    while (this.#at < this.#text.length) {
      const char = this.#next();
      if (char === '"') return pieces.done().text;
      if (char === '$') pieces.addRaw(this.#variable());
      else if (char === this.#escape) pieces.addRaw(this.#escapedInQuotes(char));
      else pieces.addRaw(char);
    }
    throw new RangeError('unexpected end of statement while looking for matching double-quote');
  }

  /** In double quotes an escape means something before a few characters only. */
  #escapedInQuotes(escape: string): string {
    const kept = this.#keepsEscapes ? escape : '';
    return kept + (['"', '$', escape].includes(this.#peek()) ? this.#next() : escape);
  }

  #variable(): string {
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#variables(name) ?? '');
    }
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > DEEPEST) throw new RangeError(`variables within variables more than ${DEEPEST} deep`);
    const value = this.#braced();
    this.#depth -= 1;
    return value;
  }

  #braced(): string {
    if (this.#at >= this.#text.length) throw new RangeError("syntax error: missing '}'");
    const name = this.#name();
    if (name === '') throw new RangeError('syntax error: bad substitution');
    let sign = this.#next();
    if (sign === '}') return this.#variables(name) ?? '';
    if (sign === '/') return this.#replaced(name);
    const isEmptyUnset = sign === ':';
    if (isEmptyUnset) sign += this.#next();
    const operator = sign.slice(-1);
    const isTrim = !isEmptyUnset && '#%'.includes(operator);
    if (!isTrim && !'-+?'.includes(operator)) throw unsupported(sign);
    if (operator === '') throw new RangeError("syntax error: missing '}'");
    const word = this.#part('}', isTrim);
    const value = this.#variables(name);
    if (isTrim) return trimmed(value ?? '', operator, word);
    const isSet = value !== undefined && !(isEmptyUnset && value === '');
    if (operator === '+') return isSet ? word : '';
    if (isSet) return value;
    if (operator === '-') return word;
    const state = value === undefined ? 'unset' : 'empty';
    throw new RangeError(`${name}: ${word === '' ? `is not allowed to be ${state}` : word}`);
  }

  #replaced(name: string): string {
    const isEvery = this.#peek() === '/';
    if (isEvery) this.#at += 1;
    const pattern = parsePattern(this.#part('/', true));
    const by = this.#part('}', true).replace(/\\([\\/}])/g, '$1');
    return pattern.replace(this.#variables(name) ?? '', by, { isEvery });
  }

  #part(end: string, keepsEscapes: boolean): string {
    const before = this.#keepsEscapes;
    this.#keepsEscapes = keepsEscapes;
    const { text } = this.until(end).done();
    this.#keepsEscapes = before;
    return text;
  }

  #name(): string {
    for (const kind of [DIGITS, NAME]) {
      kind.lastIndex = this.#at;
      const [name] = kind.exec(this.#text) ?? [];
      if (name === undefined) continue;
      this.#at += name.length;
      return name;
    }
    return SPECIAL.has(this.#peek()) ? this.#next() : '';
  }
}

/** A result that grows, as one text and as words. */
class Pieces {
  readonly #words: string[] = [];
  #text = '';
  #word = '';

  /** What blanks split. */
  add(piece: string): void {
    this.#grow(piece);
    if (!/\s/.test(piece)) {
      this.#word += piece;
      return;
    }
    const [first = '', ...others] = piece.split(/\s+/);
    this.#word += first;
    for (const other of others) {
      if (this.#word !== '') this.#words.push(this.#word);
      this.#word = other;
    }
  }

  addRaw(piece: string): void {
    this.#grow(piece);
    this.#word += piece;
  }

  done(): Expanded {
    const words = this.#word === '' ? this.#words : [...this.#words, this.#word];
    return { text: this.#text, words };
  }

  #grow(piece: string): void {
    if (this.#text.length + piece.length > LONGEST_RESULT)
      throw new RangeError(`becomes longer than ${LONGEST_RESULT} characters`);
    this.#text += piece;
  }
}

function trimmed(value: string, operator: string, word: string): string {
  const isLongest = word.startsWith(operator);
  const pattern = parsePattern(isLongest ? word.slice(1) : word);
  return operator === '#'
    ? pattern.withoutPrefix(value, { isLongest })
    : pattern.withoutSuffix(value, { isLongest });
}

function parsePattern(text: string): ShellPattern {
  try {
    return ShellPattern.parse(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`invalid pattern (${text}) in substitution: ${error.message}`);
  }
}

function unsupported(sign: string): RangeError {
  return new RangeError(`unsupported modifier (${sign}) in substitution`);
}

function quoted(word: string): string {
  return JSON.stringify(word.length > 200 ? `${word.slice(0, 200)}…` : word);
}
