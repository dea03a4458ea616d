import { badInstruction } from './dockerfile-error.ts';
import type { ArgInstruction, Escape, Pair } from './instructions.ts';
import { cutAtBlank, splitWords } from './split-words.ts';

/** `key=value key2="value 2"`, or the old `key the rest of the line`. */
export function parsePairs(keyword: 'ENV' | 'LABEL', text: string, escape: Escape): Pair[] {
  const words = splitWords(text, escape);
  if (words.length === 0) throw badInstruction(`${keyword} requires at least one argument`);
  if (isLegacyPair(text, escape)) {
    const [key, value] = cutAtBlank(text);
    if (value === '')
      throw badInstruction(`${keyword} must have two arguments: write ${keyword} ${key}=value`);
    return [{ key, value }];
  }
  return words.map(word => {
    const equals = word.indexOf('=');
    if (equals < 0) {
      const hint = 'Must be of the form: name=value; quote a value that has blanks';
      throw badInstruction(`Syntax error - can't find = in ${JSON.stringify(word)}. ${hint}`);
    }
    if (equals === 0) throw badInstruction(`${keyword} names can not be blank`);
    return { key: word.slice(0, equals), value: word.slice(equals + 1) };
  });
}

/** Whether the first word is a name alone, and the rest of the line its value. */
export function isLegacyPair(text: string, escape: Escape): boolean {
  return splitWords(text, escape)[0]?.includes('=') === false;
}

/** `name`, `name=default`, several. */
export function parseArgs(text: string, escape: Escape): ArgInstruction['args'] {
  const words = splitWords(text, escape);
  if (words.length === 0) throw badInstruction('ARG requires at least one argument');
  return words.map(word => {
    const equals = word.indexOf('=');
    const key = equals < 0 ? word : word.slice(0, equals);
    if (key === '') throw badInstruction('ARG names can not be blank');
    return equals < 0 ? { key } : { key, value: word.slice(equals + 1) };
  });
}
