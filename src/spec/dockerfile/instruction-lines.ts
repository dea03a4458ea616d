import { parseDirectives } from './directives.ts';
import { dockerfileText } from './dockerfile-text.ts';
import type { Lines } from './instructions.ts';
import { logicalLineAt } from './logical-lines.ts';

/**
 * The lines of the instruction that begins on a line, counted from 1: those it goes on over, comments between them, and its
 * here-documents. That line alone where none begins, or what is there is none.
 */
export function instructionLines(source: string, line: number): Lines {
  const alone = { first: line, last: line };
  try {
    const text = dockerfileText(source);
    const found = logicalLineAt(text, parseDirectives(text.lines).escape, line - 1)?.lines;
    return found?.first === line ? found : alone;
  } catch {
    return alone; // it is shown because it is wrong
  }
}
