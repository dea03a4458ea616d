import { nearest } from '#base/spelling';
import { badInstruction } from './dockerfile-error.ts';
import type { Word } from './instructions.ts';

/** `--name=value`, quotes and escapes taken off; without `=` there is no value. */
interface WrittenFlag {
  readonly name: string;
  readonly value?: string;
}

/** How a flag is read. A list may be given several times. */
export type FlagKind = 'text' | 'boolean' | 'list';

/** The flags of one instruction. */
export class InstructionFlags {
  readonly #given = new Map<string, string[]>();

  /** @throws {EngineError} `invalid`, for a flag that is unknown, given twice, or lacks its value. */
  constructor(written: readonly WrittenFlag[], kinds: Readonly<Record<string, FlagKind>>) {
    for (const { name, value } of written) {
      const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
      if (kind === undefined) throw unknownFlag(name, Object.keys(kinds));
      const before = this.#given.get(name) ?? [];
      if (before.length > 0 && kind !== 'list') throw badInstruction(`duplicate flag specified: --${name}`);
      if (value === undefined && kind !== 'boolean')
        throw badInstruction(`missing a value on flag: --${name}`);
      if (kind === 'boolean' && value !== undefined && !/^(?:true|false)$/i.test(value)) {
        throw badInstruction(`expecting boolean value for flag --${name}, not: ${value}`);
      }
      this.#given.set(name, [...before, value ?? 'true']);
    }
  }

  text(name: string): Word | undefined {
    const [value = ''] = this.#given.get(name) ?? [];
    return value === '' ? undefined : value;
  }

  boolean(name: string): boolean | undefined {
    const [value] = this.#given.get(name) ?? [];
    return value === undefined ? undefined : value.toLowerCase() === 'true';
  }

  list(name: string): readonly Word[] {
    return this.#given.get(name) ?? [];
  }
}

/** The flags that arguments begin with, and what follows them; `--` alone ends them. */
export function cutFlags(text: string): { readonly flags: readonly WrittenFlag[]; readonly rest: string } {
  const flags: WrittenFlag[] = [];
  let rest = text.trimStart();
  while (rest.startsWith('--')) {
    const { word, length } = unquotedWord(rest);
    rest = rest.slice(length).trimStart();
    if (word === '--') break;
    const equals = word.indexOf('=');
    flags.push(
      equals < 0 ? { name: word.slice(2) } : { name: word.slice(2, equals), value: word.slice(equals + 1) },
    );
    if (flags.length > MOST_FLAGS) throw badInstruction(`more than ${MOST_FLAGS} flags`);
  }
  return { flags, rest };
}

const MOST_FLAGS = 1000;

function unquotedWord(text: string): { readonly word: string; readonly length: number } {
  let word = '';
  let quote = '';
  let at = 0;
  for (; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quote === '' && /\s/.test(char)) break;
    if (char === '\\') {
      at += 1;
      word += text.charAt(at);
    } else if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else word += char;
  }
  return { word, length: at };
}

function unknownFlag(name: string, known: readonly string[]): Error {
  const meant = nearest(name, known);
  const all = known.map(flag => `--${flag}`).join(', ');
  const hint =
    meant === undefined ? (all === '' ? 'it takes none' : `it takes ${all}`) : `did you mean --${meant}?`;
  return badInstruction(`unknown flag: --${name} (${hint})`);
}
