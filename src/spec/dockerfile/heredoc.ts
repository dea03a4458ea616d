import { expandWords } from './expand-word.ts';
import type { Word } from './instructions.ts';
import { jsonList } from './json-list.ts';
import { cutAtBlank, splitAtBlanks, splitWords } from './split-words.ts';

/** `<<EOF` on a line: what its body ends with, and how it is read. */
export interface HeredocStart {
  readonly name: string;
  /** `<<-`: tabs at the beginning of its lines do not count */
  readonly isTabbed: boolean;
  /** no part of the name is quoted */
  readonly isExpanded: boolean;
}

/** With the lines up to its name, as they are written. */
export interface RawHeredoc extends HeredocStart {
  readonly body: string;
}

/** `undefined`: the word is something else. */
export function heredocStart(word: Word): HeredocStart | undefined {
  const [, dash, rest = ''] = /^[0-9]*<<(-?)([^<]+)$/.exec(word) ?? [];
  if (rest === '') return undefined;
  const names = namesOf(rest);
  const [name] = names;
  if (name === undefined || names.length > 1) return undefined;
  return { name, isTabbed: dash === '-', isExpanded: name === rest };
}

/** Those that begin on the line of an instruction, in order. */
export function heredocStarts(line: string): HeredocStart[] {
  const [keyword, rest] = cutAtBlank(line.trim());
  if (keyword.toUpperCase() !== 'ONBUILD') return startsIn(keyword, rest);
  return startsIn(...cutAtBlank(rest));
}

function startsIn(keyword: string, rest: string): HeredocStart[] {
  const name = keyword.toUpperCase();
  if ((name !== 'RUN' && name !== 'COPY' && name !== 'ADD') || !rest.includes('<<')) return [];
  const words = name === 'RUN' ? splitWords(rest, '\\') : splitAtBlanks(rest);
  const firstArgument = words.findIndex(word => !word.startsWith('--'));
  if (firstArgument < 0 || isList(words.slice(firstArgument))) return [];
  return words.flatMap(word => heredocStart(word) ?? []);
}

export function heredocContent({ body, isTabbed }: RawHeredoc): string {
  return isTabbed ? body.replace(/^\t+/gm, '') : body;
}

/** Quotes taken off; nothing is known of variables, so they stay out of names. */
function namesOf(rest: string): string[] {
  if (rest.includes('$')) return [rest];
  try {
    return expandWords(rest, () => undefined);
  } catch {
    return []; // Quotes without an end: not a name.
  }
}

function isList(words: readonly Word[]): boolean {
  if (!words[0]?.startsWith('[')) return false;
  try {
    return jsonList(words.join(' ')) !== undefined;
  } catch {
    return true; // A list of something else: refused where the instruction is read.
  }
}
