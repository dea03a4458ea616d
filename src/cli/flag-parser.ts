import { UsageError } from './cli-error.ts';
import type { Command, Flag, FlagSet, FlagValues, Invocation } from './command.ts';
import { readFlagValue } from './flag-values.ts';

type Values = Record<string, boolean | string | number | string[] | undefined>;

/**
 * Reads a command line as Docker's parser (spf13/pflag) does: `--flag=value`, `--flag value`, `-p 80:80`, `-p80:80`, `-itd`,
 * `--rm=false`, `--` for the end of flags. `--help` is in `given` and ends the reading.
 *
 * @throws {UsageError} for an unknown flag or a bad value, with the likely right spelling.
 */
export async function parseFlags<F extends FlagSet>(
  argv: readonly string[],
  { flags, stopsAtArgument }: Pick<Command<F>, 'flags' | 'stopsAtArgument'>,
): Promise<Invocation<F>> {
  const reader = new FlagReader(argv, flags);
  const args: string[] = [];
  while (reader.hasMore && !reader.given.has('help')) {
    const word = reader.next();
    if (word === '--') {
      args.push(...reader.rest());
    } else if (word.length < 2 || !isDash(word)) {
      args.push(word);
      if (stopsAtArgument) args.push(...reader.rest());
    } else {
      await reader.readFlag(word);
    }
  }
  // `values` was filled by type from exactly this flag set, which is what FlagValues describes.
  return { flags: reader.values as FlagValues<F>, given: reader.given, args };
}

function isDash(word: string): boolean {
  return word.startsWith('-') || /^[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/.test(word);
}

class FlagReader {
  readonly values: Values = {};
  readonly given = new Set<string>();
  readonly #argv: readonly string[];
  readonly #flags: FlagSet;
  #at = 0;

  constructor(argv: readonly string[], flags: FlagSet) {
    this.#argv = argv;
    this.#flags = flags;
    for (const [name, flag] of Object.entries(flags)) this.values[name] = initialValue(flag);
  }

  get hasMore(): boolean {
    return this.#at < this.#argv.length;
  }

  next(): string {
    return this.#argv[this.#at++] ?? '';
  }

  rest(): readonly string[] {
    const rest = this.#argv.slice(this.#at);
    this.#at = this.#argv.length;
    return rest;
  }

  async readFlag(word: string): Promise<void> {
    if (word.startsWith('--')) await this.#readLong(word);
    else if (word.startsWith('-')) await this.#readShorts(word);
    else throw await unknown(word, this.#flags);
  }

  async #readLong(word: string): Promise<void> {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals === -1 ? undefined : equals);
    const flag = Object.hasOwn(this.#flags, name) ? this.#flags[name] : undefined;
    if (!flag) {
      if (name === 'help' && equals === -1) return void this.given.add('help');
      throw await unknown(word, this.#flags);
    }
    if (equals !== -1) return this.#set(name, flag, word.slice(equals + 1));
    if (flag.type === 'bool') return this.#set(name, flag, 'true');
    if (!this.hasMore) throw new UsageError(`flag needs an argument: --${name}`);
    this.#set(name, flag, this.next());
  }

  async #readShorts(word: string): Promise<void> {
    // `-volume x` would silently be `-v olume` and an image `x`: nobody means that.
    const [typed = ''] = word.slice(1).split('=');
    if (typed.length > 2 && Object.hasOwn(this.#flags, typed)) throw await unknown(word, this.#flags);
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? '';
      const [name, flag] = Object.entries(this.#flags).find(([, one]) => one.short === letter) ?? [];
      if (!name || !flag) {
        if (letter === 'h') return void this.given.add('help');
        throw await unknown(word, this.#flags, letter);
      }
      if (word[at + 1] === '=') return this.#set(name, flag, word.slice(at + 2));
      if (flag.type === 'bool') {
        this.#set(name, flag, 'true');
        continue;
      }
      if (at + 1 < word.length) return this.#set(name, flag, word.slice(at + 1));
      if (!this.hasMore) throw new UsageError(`flag needs an argument: '${letter}' in ${word}`);
      return this.#set(name, flag, this.next());
    }
  }

  #set(name: string, flag: Flag, text: string): void {
    this.given.add(name);
    try {
      const value = readFlagValue(flag.type, text);
      const before = this.values[name];
      if (Array.isArray(before)) before.push(...(flag.type === 'strings' ? text.split(',') : [text]));
      else this.values[name] = value;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(invalidArgument(name, flag, text, error.message));
    }
  }
}

/** Docker's wording for a value that a flag cannot take. */
export function invalidArgument(
  name: string,
  flag: Pick<Flag, 'short'>,
  text: string,
  reason: string,
): string {
  const spelled = flag.short ? `-${flag.short}, --${name}` : `--${name}`;
  return `invalid argument ${JSON.stringify(text)} for "${spelled}" flag: ${reason}`;
}

function initialValue(flag: Flag): boolean | string | string[] | undefined {
  if (flag.type === 'bool') return flag.on ?? false;
  if (flag.type === 'string') return '';
  return flag.type === 'list' || flag.type === 'strings' ? [] : undefined;
}

/** The guess at what was meant is only loaded when it is needed. */
async function unknown(word: string, flags: FlagSet, letter?: string): Promise<UsageError> {
  const { unknownFlag } = await import('./unknown-flag.ts');
  return unknownFlag(word, flags, letter);
}
