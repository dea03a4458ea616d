import { type Json, parseJson } from './json.ts';

const NEWLINE = 0x0a;

/**
 * The JSON values of a stream, one per line (`\n` or `\r\n`), as the engine sends progress and events.
 *
 * @throws {SyntaxError} for a line that is not JSON.
 */
export async function* jsonLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Json> {
  for await (const line of textLines(source)) yield parseJson(line);
}

/** The lines of a stream that are not empty, without the white space around them. */
export async function* textLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Uint8Array[] = [];
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      rest.push(chunk.subarray(from, end));
      from = end + 1;
      const line = Buffer.concat(rest).toString().trim();
      rest = [];
      if (line) yield line;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  const last = Buffer.concat(rest).toString().trim();
  if (last) yield last;
}
