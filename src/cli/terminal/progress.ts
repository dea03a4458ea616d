import { plainLine, plainLines } from '#base/plain-text';
import { at, isObject, type Json, textAt } from '#client/json';
import { StreamedError } from '../cli-error.ts';
import type { OutputStream } from '../context.ts';
import { progressText } from './progress-text.ts';

export interface ProgressOptions {
  readonly quiet: boolean;
  /** Gets what the engine adds for programs: the digest of a push, the ID of an import. */
  readonly onAux?: (aux: Json) => void;
}

/**
 * Shows the progress messages of pull, push, load and import: on a terminal one line per layer that changes in place,
 * elsewhere a line for each message, without those that only count.
 *
 * @throws {StreamedError} with the engine's message when one of them is an error.
 */
export async function showProgress(
  messages: AsyncIterable<Json>,
  out: OutputStream,
  { quiet, onAux }: ProgressOptions,
): Promise<void> {
  const lines = progressLines(out);
  for await (const message of messages) {
    const failure = textAt(message, 'errorDetail', 'message') || textAt(message, 'error');
    if (failure) throw new StreamedError(failure);
    const aux = at(message, 'aux');
    if (aux !== undefined && aux !== null) {
      onAux?.(aux);
      continue;
    }
    if (quiet) continue;
    const stream = textAt(message, 'stream');
    if (stream) out.write(plainLines(stream));
    else lines.show(message);
  }
}

/** Shows messages with `status`; a new one after anything else was written. */
export function progressLines(out: OutputStream): { show(message: Json): void } {
  if (out.isTTY) return new LinesInPlace(out);
  return {
    show: message => {
      if (progressText(message, 0) === '') out.write(`${plainLine(lineOf(message, ''))}\n`);
    },
  };
}

/** Engines may be asked from terminals that do not say how large they are. */
const USUAL_COLUMNS = 200;
const USUAL_ROWS = 24;

/** The lines at the bottom of a terminal that are still being written to, one for each layer. */
class LinesInPlace {
  readonly #out: OutputStream;
  readonly #rows = new Map<string, number>();

  constructor(out: OutputStream) {
    this.#out = out;
  }

  show(message: Json): void {
    const columns = this.#out.columns || USUAL_COLUMNS;
    const id = textAt(message, 'id');
    if (!id || !hasProgress(message)) {
      this.#rows.clear(); // lines above are final
      this.#out.write(`${plainLine(lineOf(message, ''))}\n`);
      return;
    }
    const known = this.#rows.get(id);
    const row = known ?? this.#rows.size;
    this.#rows.set(id, row);
    const text = cut(plainLine(lineOf(message, progressText(message, columns))), columns);
    if (known === undefined) return void this.#out.write(`${text}\x1b[K\n`);
    const up = this.#rows.size - row;
    if (up >= (this.#out.rows || USUAL_ROWS)) return; // scrolled out of reach
    // One write, and what is there is written over before the rest is erased: nothing is ever blank.
    this.#out.write(`\x1b[${up}A\r${text}\x1b[K\r\x1b[${up}B`);
  }
}

function hasProgress(message: Json): boolean {
  return isObject(at(message, 'progressDetail'));
}

function lineOf(message: Json, progress: string): string {
  const id = textAt(message, 'id');
  const status = textAt(message, 'status');
  return `${id ? `${id}: ` : ''}${status}${progress ? ` ${progress}` : ''}`;
}

/** A line that wrapped would put all others out of place. */
function cut(text: string, columns: number): string {
  return text.length < columns ? text : `${text.slice(0, Math.max(columns - 2, 0))}…`;
}
