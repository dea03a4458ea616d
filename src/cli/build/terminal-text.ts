import { plainLine, plainLines } from '#base/plain-text';

/** What changes colours and weight, and nothing else. */
const COLOURS = /\x1b\[[\d;]{0,32}m/g; // oxlint-disable-line no-control-regex -- that is what colours are

/** What a program in a build wrote, with its colours, and without anything else that a terminal would obey. */
export function terminalText(text: string): string {
  let shown = '';
  let end = 0;
  for (const { index, 0: colour } of text.matchAll(COLOURS)) {
    shown += plainLines(text.slice(end, index).replaceAll('\r\n', '\n').replaceAll('\r', '\n')) + colour;
    end = index + colour.length;
  }
  return shown + plainLines(text.slice(end).replaceAll('\r\n', '\n').replaceAll('\r', '\n'));
}

/** One line of it without colours. Of what was written over by carriage returns, the last. */
export function uncolouredLine(text: string): string {
  const parts = text.replace(COLOURS, '').split('\r');
  return plainLine(parts.findLast(part => part !== '') ?? '').trimEnd();
}
