import { plainLine } from '#base/plain-text';
import { invalid } from './errors.ts';

/**
 * Text of people that is shown in one line: without what a terminal or a header would obey.
 *
 * @throws {EngineError} `invalid` for more than `most` characters.
 */
export function singleLine(what: string, text: string, most: number): string {
  const line = plainLine(text).trim();
  if (line.length > most)
    throw invalid(`the ${what} may have at most ${most} characters, and has ${line.length}`);
  return line;
}
