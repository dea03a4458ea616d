import type { Escape, Word } from './instructions.ts';

const BLANKS = /[\t\v\f\r ]+/;

/** Words between blanks; quotes mean nothing, as for FROM, COPY, ADD, EXPOSE and VOLUME. */
export function splitAtBlanks(text: string): Word[] {
  return text.split(BLANKS).filter(word => word !== '');
}

/** The first word and the rest without the blanks between them. */
export function cutAtBlank(text: string): [first: string, rest: string] {
  const blanks = BLANKS.exec(text);
  return blanks ? [text.slice(0, blanks.index), text.slice(blanks.index + blanks[0].length)] : [text, ''];
}

/** Words between blanks that are not quoted or escaped; quotes and escapes stay in them, as for ENV, LABEL and ARG. */
export function splitWords(text: string, escape: Escape): Word[] {
  const words: Word[] = [];
  let start = -1;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (start < 0) {
      if (/\s/.test(char)) continue;
      start = at;
    } else if (quote === '' && /\s/.test(char)) {
      words.push(text.slice(start, at));
      start = -1;
      continue;
    }
    if (char === escape && quote !== "'") at += 1;
    else if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
  }
  if (start >= 0) words.push(withoutLastEscape(text.slice(start), escape));
  return words;
}

/** An escape with nothing after it. */
function withoutLastEscape(word: Word, escape: Escape): Word {
  let count = 0;
  while (word.charAt(word.length - 1 - count) === escape) count += 1;
  return count % 2 === 1 ? word.slice(0, -1) : word;
}
