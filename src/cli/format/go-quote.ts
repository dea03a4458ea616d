/** A Go string literal (`strconv.Quote`): as JSON, but other control characters and bytes have Go's escapes. */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    if (letter === '"' || letter === '\\') quoted += `\\${letter}`;
    else if (SHORT[letter]) quoted += SHORT[letter];
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else quoted += letter;
  }
  return `${quoted}"`;
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
