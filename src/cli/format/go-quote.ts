/**
 * A Go string literal (`strconv.Quote`): what does not print, or prints elsewhere than it stands (control characters, marks of
 * writing direction), is escaped, so that a command cannot play tricks with the terminal.
 */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    if (letter === '"' || letter === '\\') quoted += `\\${letter}`;
    else if (SHORT[letter]) quoted += SHORT[letter];
    else if (letter !== ' ' && /[\p{C}\p{Z}]/u.test(letter)) quoted += escaped(code);
    else quoted += letter;
  }
  return `${quoted}"`;
}

function escaped(code: number): string {
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

const SHORT: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
