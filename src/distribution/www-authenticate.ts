/** One way a server offers to be convinced (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** lower case: `bearer`, `basic` */
  readonly scheme: string;
  /** names in lower case */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_LENGTH = 8192;
const MAX_CHALLENGES = 10;

/**
 * Parses the value of `WWW-Authenticate`; several headers are joined by commas. Lists of challenges and lists of
 * parameters both use the comma: a token followed by `=` is a parameter, any other begins a challenge.
 *
 * What is not well-formed ends the parsing; the challenges before it count.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = [header ?? []].flat().join(', ');
  if (text.length > MAX_LENGTH) return [];
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const scanner = new Scanner(text);
  for (;;) {
    scanner.skip(/[\s,]*/y);
    const name = scanner.take(TOKEN)?.toLowerCase();
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    if (scanner.take(EQUALS) !== undefined) {
      const value = scanner.value();
      if (value === undefined || !current) return challenges;
      if (!current.parameters.has(name)) current.parameters.set(name, value);
      continue;
    }
    if (challenges.length === MAX_CHALLENGES) return challenges;
    challenges.push({ scheme: name, parameters: new Map() });
    scanner.skip(TOKEN68);
  }
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const EQUALS = /[ \t]*=[ \t]*(?=["!#$%&'*+\-.^_`|~0-9A-Za-z])/y;
const QUOTED = /"((?:[^"\\]|\\[\s\S])*)"/y;
/** as `Negotiate` and `NTLM` have it: not for us, and not to be taken for a scheme */
const TOKEN68 = /[ \t]+[A-Za-z0-9\-._~+/]+=*[ \t]*(?=,|$)/y;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Matches a sticky expression here and moves behind it. */
  take(pattern: RegExp): string | undefined {
    return this.#match(pattern)?.[0];
  }

  skip(pattern: RegExp): void {
    this.#match(pattern);
  }

  value(): string | undefined {
    const quoted = this.#match(QUOTED)?.[1];
    return quoted === undefined ? this.take(TOKEN) : quoted.replace(/\\([\s\S])/g, '$1');
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }
}
