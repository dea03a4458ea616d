import { at, isObject, type Json, numberAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import type { OutputStream } from '../context.ts';
import { humanSize } from '../format/human.ts';

/**
 * Shows the progress messages of pull, load and import: on a terminal one line per layer that changes in place, elsewhere a
 * line for each message without its numbers.
 *
 * @throws {CliError} with the engine's message when one of them is an error.
 */
export async function showProgress(
  messages: AsyncIterable<Json>,
  out: OutputStream,
  { quiet }: { readonly quiet: boolean },
): Promise<void> {
  const rows = new Map<string, number>();
  for await (const message of messages) {
    const failure = textAt(message, 'errorDetail', 'message') || textAt(message, 'error');
    if (failure) throw new CliError(failure);
    if (quiet) continue;
    const stream = textAt(message, 'stream');
    if (stream) {
      out.write(stream);
      continue;
    }
    if (out.isTTY) out.write(inPlace(message, rows));
    else if (!isNumbersOnly(message)) out.write(`${lineOf(message)}\n`);
  }
}

/** Rewrites the line of the message's layer, counted from the bottom. */
function inPlace(message: Json, rows: Map<string, number>): string {
  const id = textAt(message, 'id');
  if (!id) {
    rows.clear();
    return `${lineOf(message)}\n`;
  }
  let row = rows.get(id);
  const isNew = row === undefined;
  if (row === undefined) {
    row = rows.size;
    rows.set(id, row);
  }
  const up = rows.size - row - (isNew ? 1 : 0);
  const text = `\r\x1b[2K${lineOf(message)}`;
  return isNew ? `${text}\n` : `\x1b[${up}A${text}\r\x1b[${up}B`;
}

/** A mere count; without a terminal there would be thousands of them. */
function isNumbersOnly(message: Json): boolean {
  const detail = at(message, 'progressDetail');
  return isObject(detail) && Object.keys(detail).length > 0;
}

function lineOf(message: Json): string {
  const id = textAt(message, 'id');
  return `${id ? `${id}: ` : ''}${textAt(message, 'status')}${barOf(message)}`;
}

const BAR_WIDTH = 50;

function barOf(message: Json): string {
  const current = numberAt(message, 'progressDetail', 'current');
  const total = numberAt(message, 'progressDetail', 'total');
  if (current <= 0) return '';
  if (total <= 0) return ` ${humanSize(current, 4)}`;
  const filled = Math.min(BAR_WIDTH, Math.floor((current / total) * BAR_WIDTH));
  const bar = `${'='.repeat(filled)}${filled < BAR_WIDTH ? '>' : ''}`.padEnd(BAR_WIDTH).slice(0, BAR_WIDTH);
  return ` [${bar}]  ${humanSize(current, 4)}/${humanSize(total, 4)}`;
}
