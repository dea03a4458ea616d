/** What a `$name` stands for; `undefined`: nothing of that name. */
export type Variables = (name: string) => string | undefined;

/**
 * The words of an instruction's arguments: split at blanks, quotes and backslashes taken off, variables put in as a Dockerfile
 * has them (`$name`, `${name}`, `${name:-word}`, `${name:+word}`; not between single quotes, not after a backslash).
 * What a variable brings is not split again.
 *
 * @throws {RangeError} with the reason, for quotes and braces without an end.
 */
export function shellWords(text: string, variables: Variables): string[] {
  return new WordReader(text, variables).words();
}

const BLANK = /\s/;
/** In double quotes a backslash only means something before these. */
const ESCAPED_IN_QUOTES = new Set(['"', '$', '\\']);

class WordReader {
  readonly #text: string;
  readonly #variables: Variables;
  #at = 0;

  constructor(text: string, variables: Variables) {
    this.#text = text;
    this.#variables = variables;
  }

  words(): string[] {
    const found: string[] = [];
    for (;;) {
      while (this.#at < this.#text.length && BLANK.test(this.#peek())) this.#at += 1;
      if (this.#at >= this.#text.length) return found;
      found.push(this.#until(char => BLANK.test(char)));
    }
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    const char = this.#peek();
    this.#at += 1;
    return char;
  }

  /** Up to what ends it, which stays; a part in quotes never ends it. */
  #until(isEnd: (char: string) => boolean): string {
    let word = '';
    while (this.#at < this.#text.length && !isEnd(this.#peek())) {
      const char = this.#next();
      if (char === "'") word += this.#singleQuoted();
      else if (char === '"') word += this.#doubleQuoted();
      else if (char === '\\') word += this.#next();
      else word += char === '$' ? this.#variable() : char;
    }
    return word;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) throw new RangeError('unexpected end of statement while looking for matching single-quote');
    const content = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return content;
  }

  #doubleQuoted(): string {
    let content = '';
    while (this.#at < this.#text.length) {
      const char = this.#next();
      if (char === '"') return content;
      if (char === '\\') content += ESCAPED_IN_QUOTES.has(this.#peek()) ? this.#next() : char;
      else content += char === '$' ? this.#variable() : char;
    }
    throw new RangeError('unexpected end of statement while looking for matching double-quote');
  }

  #variable(): string {
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#variables(name) ?? '');
    }
    this.#at += 1;
    const name = this.#name();
    const value = this.#variables(name);
    const sign = /^(:?[-+])/.exec(this.#text.slice(this.#at, this.#at + 2))?.[1] ?? '';
    this.#at += sign.length;
    const word = sign === '' ? '' : this.#until(char => char === '}');
    if (name === '' || this.#next() !== '}')
      throw new RangeError('bad substitution: "${" wants a name and "}"');
    const isSet = value !== undefined && (value !== '' || !sign.startsWith(':'));
    if (sign.endsWith('-')) return isSet ? value : word;
    if (sign.endsWith('+')) return isSet ? word : '';
    return value ?? '';
  }

  #name(): string {
    const name =
      /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9])/.exec(this.#text.slice(this.#at, this.#at + 256))?.[0] ?? '';
    this.#at += name.length;
    return name;
  }
}
