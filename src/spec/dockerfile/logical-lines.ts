import { parseError } from './dockerfile-error.ts';
import type { DockerfileText } from './dockerfile-text.ts';
import { type HeredocStart, heredocStarts, type RawHeredoc } from './heredoc.ts';
import type { Escape, Lines } from './instructions.ts';

/** One instruction as text. */
export interface LogicalLine {
  /** continued lines joined, comments between them left out */
  readonly text: string;
  readonly lines: Lines;
  readonly heredocs: readonly RawHeredoc[];
  /** numbers of empty lines that it goes on over */
  readonly emptyLines: readonly number[];
}

/** What continued lines come to; a program can be given less. */
const LONGEST_TEXT = 1024 * 1024;
const MOST_INSTRUCTIONS = 20_000;

/**
 * The instructions of a Dockerfile as text, from the line `first` (counted from 0) on.
 *
 * @throws {EngineError} `invalid`, naming the line.
 */
export function logicalLines(text: DockerfileText, escape: Escape, first = 0): LogicalLine[] {
  const reader = new LineReader(text, escape, first);
  const found: LogicalLine[] = [];
  for (let line = reader.next(); line; line = reader.next()) {
    if (found.length >= MOST_INSTRUCTIONS)
      throw parseError(line.lines.first, `more than ${MOST_INSTRUCTIONS} instructions`);
    found.push(line);
  }
  return found;
}

/** The first instruction from a line on, counted from 0. @throws {EngineError} `invalid`. */
export function logicalLineAt(text: DockerfileText, escape: Escape, line: number): LogicalLine | undefined {
  return new LineReader(text, escape, line).next();
}

class LineReader {
  readonly #lines: readonly string[];
  readonly #isDamaged: boolean;
  /** the escape at the end of a line, unless another escape stands before it */
  readonly #continuation: RegExp;
  #at: number;

  constructor({ lines, isDamaged }: DockerfileText, escape: Escape, first: number) {
    this.#lines = lines;
    this.#isDamaged = isDamaged;
    this.#continuation = escape === '`' ? /(?<!`)`[ \t]*$/ : /(?<!\\)\\[ \t]*$/;
    this.#at = first;
  }

  next(): LogicalLine | undefined {
    for (;;) {
      while (this.#at < this.#lines.length && isIgnored(this.#line(this.#at))) this.#at += 1;
      if (this.#at >= this.#lines.length) return undefined;
      const first = this.#at + 1;
      const emptyLines: number[] = [];
      const text = this.#joined(emptyLines).trim();
      if (text === '') continue; // nothing but escapes up to the end
      this.#check(text, first);
      const heredocs = this.#heredocs(text, first);
      return { text, lines: { first, last: this.#at }, heredocs, emptyLines };
    }
  }

  /** From here to where a line does not end in the escape. */
  #joined(emptyLines: number[]): string {
    const parts: string[] = [];
    let length = 0;
    for (let isContinued = true; isContinued && this.#at < this.#lines.length; this.#at += 1) {
      const line = this.#line(this.#at);
      if (parts.length > 0 && isIgnored(line)) {
        if (line.trim() === '') emptyLines.push(this.#at + 1);
        continue;
      }
      isContinued = this.#continuation.test(line);
      parts.push(isContinued ? line.replace(this.#continuation, '') : line);
      length += line.length;
      if (length > LONGEST_TEXT) throw parseError(this.#at + 1, `instruction is longer than ${LONGEST_TEXT}`);
    }
    return parts.join('');
  }

  #heredocs(text: string, line: number): RawHeredoc[] {
    return heredocStarts(text).map(start => ({ ...start, body: this.#body(start, text, line) }));
  }

  #body({ name, isTabbed }: HeredocStart, text: string, line: number): string {
    const first = this.#at;
    while (this.#at < this.#lines.length) {
      const content = this.#line(this.#at);
      this.#at += 1;
      if ((isTabbed ? content.replace(/^\t+/, '') : content) !== name) continue;
      return this.#bodyOf(text, first, this.#at - 1);
    }
    const hint = `no line below it is "${name}" alone; if it is no here-document, put it in quotes`;
    throw parseError(line, `unterminated heredoc <<${name}: ${hint}`);
  }

  /** Shells take the CR of a file from Windows for part of the last word; a copied file stays as it is. */
  #bodyOf(text: string, from: number, to: number): string {
    const isScript = /^(?:ONBUILD\s+)?RUN\s/i.test(text);
    const lines = this.#lines.slice(from, to);
    const body = lines.map(line => `${isScript ? line.replace(/\r$/, '') : line}\n`).join('');
    this.#check(body, from + 1);
    return body;
  }

  #check(text: string, line: number): void {
    if (text.includes('\0')) throw parseError(line, 'holds a NUL character');
    if (this.#isDamaged && text.includes('\uFFFD'))
      throw parseError(line, 'is not UTF-8: save the file as UTF-8');
  }

  #line(index: number): string {
    return (this.#lines[index] ?? '').replace(/\r$/, '');
  }
}

/** Empty, or a comment. */
function isIgnored(line: string): boolean {
  return /^\s*(?:#|$)/.test(line);
}
