import { plainLine } from '#base/plain-text';
import { ApiError } from '#client/api-error';
import { at, type Json, numberAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';

/** A build that ended in an error. It ends the program with the code of the command that failed, as with Docker. */
export class BuildFailure extends CliError {
  /** in the Dockerfile, from 1; 0 when it is not known */
  readonly line: number;

  constructor(message: string, { code, line }: { readonly code: number; readonly line: number }) {
    super(message, code === 0 ? 1 : code);
    this.line = line;
  }
}

/** What a line of progress says of a failure, if it does. */
export function failureIn(message: Json): BuildFailure | undefined {
  const detail = at(message, 'errorDetail') ?? null;
  const text = textAt(detail, 'message') || textAt(message, 'error');
  if (text === '') return undefined;
  return new BuildFailure(text, {
    code: numberAt(detail, 'code'),
    line: numberAt(detail, 'line'),
  });
}

export interface ShownFile {
  /** as the user calls it */
  readonly name: string;
  readonly text: string;
}

/** @throws what `work` does, after the part of the Dockerfile that it is about was shown. */
export async function withExcerpt<T>(
  { warn }: Pick<CliContext, 'warn'>,
  file: ShownFile | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const lines = file ? await excerpt(file, lineOf(error)) : [];
    if (lines.length > 0) warn(lines.join('\n'));
    throw error;
  }
}

/** What is wrong with a Dockerfile itself is told with the line in the words only, by Docker's engine like ours. */
function lineOf(error: unknown): number {
  if (error instanceof BuildFailure && error.line > 0) return error.line;
  if (!(error instanceof BuildFailure || error instanceof ApiError)) return 0;
  return Number(/^dockerfile parse error (?:on )?line (\d+): /i.exec(error.message)?.[1] ?? 0);
}

const LINES_AROUND = 2;

/** The part of a Dockerfile around a line, which is marked; `[]` when there is no such line. */
export async function excerpt({ name, text }: ShownFile, line: number): Promise<string[]> {
  const all = text.split(/\r?\n/);
  if (line < 1 || line > all.length) return [];
  const last = await endOfInstruction(text, line);
  const from = Math.max(1, line - LINES_AROUND);
  const to = Math.min(all.length, last + LINES_AROUND);
  const width = String(to).length;
  const shown = all.slice(from - 1, to).map((content, index) => {
    const number = from + index;
    const mark = number >= line && number <= last ? '>>>' : '   ';
    return `${String(number).padStart(width + 1)} | ${mark} ${plainLine(content)}`.trimEnd();
  });
  const rule = '-'.repeat(20);
  return [`${name}:${line}`, rule, ...shown, rule];
}

const MOST_MARKED = 30;

/** With the lines that it goes on over, comments between them, and its here-documents. */
async function endOfInstruction(text: string, line: number): Promise<number> {
  const { instructionLines } = await import('#spec/dockerfile/instruction-lines');
  const { last } = instructionLines(text, line);
  return Math.min(last, line + MOST_MARKED);
}
