/**
 * What a terminal shows after `output`: enough of a terminal for progress lines (line feed, carriage return, cursor up and down,
 * erasing in the line, and below it). Colours are dropped, spaces at the ends of lines too.
 */
export function screenOf(output: string): string[] {
  const lines: string[][] = [[]];
  let row = 0;
  let column = 0;
  // oxlint-disable-next-line no-control-regex -- control sequences are what is looked for
  const tokens = output.matchAll(/\x1b\[([\d;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])/gu);
  for (const [, number = '', command, isReturn, isLineFeed, letter] of tokens) {
    const line = (lines[row] ??= []);
    if (letter !== undefined) line[column++] = letter;
    else if (isReturn) column = 0;
    else if (isLineFeed) row++;
    else if (command === 'A') row = Math.max(0, row - Number(number || 1));
    else if (command === 'B') row += Number(number || 1);
    else if (command === 'K') line.length = number === '2' ? 0 : Math.min(line.length, column);
    else if (command === 'J') {
      line.length = Math.min(line.length, column);
      lines.length = Math.min(lines.length, row + 1);
    }
  }
  return Array.from(lines, line =>
    Array.from(line ?? [], letter => letter ?? ' ')
      .join('')
      .trimEnd(),
  );
}
