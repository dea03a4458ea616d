/** One character of a value: this one, or any. */
type Place = string | typeof ANY;
const ANY = Symbol('any character');

/** Steps that looking for a pattern may take; real ones take some hundred. */
const MOST_STEPS = 4_000_000;

/**
 * The pattern of `${name#pattern}` and its like: `?` is any character, `*` any number of them, a backslash takes the meaning of
 * these away. There are no `[ ]`, as in a Dockerfile.
 *
 * Kept as the parts between stars. Each part is looked for once, from where the one before it ended, so nothing is tried twice;
 * whoever does not find a part here does not find it further on.
 */
export class ShellPattern {
  /** what stands between the stars, at least one part */
  readonly #parts: readonly (readonly Place[])[];
  readonly #length: number;

  private constructor(parts: readonly (readonly Place[])[]) {
    this.#parts = parts;
    this.#length = parts.reduce((sum, part) => sum + part.length, 1);
  }

  /** @throws {RangeError} for a backslash before a character that has no meaning to lose. */
  static parse(text: string): ShellPattern {
    const parts: Place[][] = [[]];
    for (let at = 0; at < text.length; at += 1) {
      const char = text.charAt(at);
      if (char === '*') parts.push([]);
      else if (char === '?') parts.at(-1)?.push(ANY);
      else if (char === '\\') {
        at += 1;
        const escaped = text.charAt(at);
        if (!'*?\\}/'.includes(escaped) || escaped === '')
          throw new RangeError(`invalid escape '\\${escaped}'`);
        parts.at(-1)?.push(escaped);
      } else parts.at(-1)?.push(char);
    }
    return new ShellPattern(parts);
  }

  /** The value without the shortest or longest beginning that matches. */
  withoutPrefix(value: string, { isLongest = false }: { readonly isLongest?: boolean } = {}): string {
    this.#bound(value);
    const end = this.#endFrom(value, 0, isLongest);
    return end === undefined ? value : value.slice(end);
  }

  /** The value without the shortest or longest end that matches. */
  withoutSuffix(value: string, { isLongest = false }: { readonly isLongest?: boolean } = {}): string {
    const reversed = new ShellPattern(this.#parts.map(part => part.toReversed()).toReversed());
    return reverse(reversed.withoutPrefix(reverse(value), { isLongest }));
  }

  /** The value with the first longest match, or every one, replaced. */
  replace(value: string, by: string, { isEvery = false }: { readonly isEvery?: boolean } = {}): string {
    this.#bound(value);
    if (this.#length === 1 && this.#parts.length === 1) return value; // nothing was to be looked for
    let result = '';
    let at = 0;
    do {
      const match = this.#find(value, at);
      if (!match) break;
      result += value.slice(at, match.start) + by;
      at = match.end;
    } while (isEvery && at < value.length);
    return result + value.slice(at);
  }

  /** The first place with a match, and its longest end. */
  #find(value: string, from: number): { readonly start: number; readonly end: number } | undefined {
    const [first = []] = this.#parts;
    const start = indexOf(value, first, from);
    if (start === undefined) return undefined;
    // Not found from the first place where it can begin: nor from any later one.
    const end = this.#endFrom(value, start, true);
    return end === undefined ? undefined : { start, end };
  }

  #endFrom(value: string, start: number, isLongest: boolean): number | undefined {
    const [first = [], ...others] = this.#parts;
    if (!isAt(value, first, start)) return undefined;
    let at = start + first.length;
    for (const [index, part] of others.entries()) {
      const isLast = index === others.length - 1;
      const found = isLast && isLongest ? lastIndexOf(value, part, at) : indexOf(value, part, at);
      if (found === undefined) return undefined;
      at = found + part.length;
    }
    return at;
  }

  #bound(value: string): void {
    if (value.length * this.#length > MOST_STEPS)
      throw new RangeError(
        `a pattern of ${this.#length} characters is too much for a value of ${value.length} characters`,
      );
  }
}

function isAt(value: string, part: readonly Place[], at: number): boolean {
  if (at + part.length > value.length) return false;
  return part.every((place, index) => place === ANY || place === value.charAt(at + index));
}

function indexOf(value: string, part: readonly Place[], from: number): number | undefined {
  for (let at = from; at + part.length <= value.length; at += 1) if (isAt(value, part, at)) return at;
  return undefined;
}

function lastIndexOf(value: string, part: readonly Place[], from: number): number | undefined {
  for (let at = value.length - part.length; at >= from; at -= 1) if (isAt(value, part, at)) return at;
  return undefined;
}

function reverse(text: string): string {
  return text.split('').toReversed().join(''); // by the units that places stand for
}
