import { at, type Json, textAt } from '#client/json';
import type { CliContext, OutputStream } from '../context.ts';
import { progressLines } from '../terminal/progress.ts';
import { failureIn } from './build-failure.ts';
import { terminalText } from './terminal-text.ts';

/**
 * Shows what a builder of any engine says, in its own words.
 *
 * @returns the image's identifier, `''` when the engine did not tell. @throws {BuildFailure}
 */
export async function showClassic(
  messages: AsyncIterable<Json>,
  { stdout, stderr }: Pick<CliContext, 'stdout' | 'stderr'>,
  { isQuiet }: { readonly isQuiet: boolean },
): Promise<string> {
  let imageId = '';
  const unsaid: string[] = [];
  const write = (text: string): void => {
    if (isQuiet) unsaid.push(text);
    else stdout.write(stdout.isTTY ? terminalText(text) : text);
  };
  let lines = progressLines(stdout);
  for await (const message of messages) {
    const failure = failureIn(message);
    if (failure) {
      sayAll(unsaid, stderr);
      throw failure;
    }
    const stream = textAt(message, 'stream');
    const id = textAt(at(message, 'aux'), 'ID');
    if (id !== '') imageId = id;
    else if (stream !== '') {
      write(stream);
      lines = progressLines(stdout);
    } else if (!isQuiet && textAt(message, 'status') !== '') lines.show(message);
  }
  if (!isQuiet) return imageId;
  const said = unsaid.join('').trim();
  stdout.write(`${said}\n`);
  return said;
}

/** A quiet build that failed says after all what it did. */
function sayAll(texts: readonly string[], out: OutputStream): void {
  for (const text of texts) out.write(out.isTTY ? terminalText(text) : text);
}
