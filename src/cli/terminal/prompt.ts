import { CliError } from '../cli-error.ts';
import type { CliContext, InputStream } from '../context.ts';

type Io = Pick<CliContext, 'stdin' | 'stdout'>;

/** Asks for a line; `''` at the end of input. */
export async function askLine({ stdin, stdout }: Io, question: string): Promise<string> {
  stdout.write(question);
  return (await readLine(stdin)).trim();
}

/** Asks for a line on a terminal that does not show what is typed. */
export async function askHidden({ stdin, stdout }: Io, question: string): Promise<string> {
  stdin.setRawMode?.(true); // before it is asked for: an answer that comes at once is not shown either
  stdout.write(question);
  try {
    return await readLine(stdin);
  } finally {
    stdin.setRawMode?.(false);
    stdout.write('\n');
  }
}

const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_U = '\x15';
/** The status of a program that SIGINT ended. */
const INTERRUPTED = 130;

/** One line; what was typed after it is left for the next. A raw terminal sends every key, so that editing is up to us. */
async function readLine(stdin: InputStream): Promise<string> {
  let line: string[] = [];
  for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
    const keys = Array.from(Buffer.isBuffer(chunk) ? chunk.toString() : String(chunk));
    for (const [index, key] of keys.entries()) {
      if (key === CTRL_C) throw new CliError('', INTERRUPTED);
      if (key === '\r' || key === '\n' || key === CTRL_D) {
        const rest = keys.slice(index + 1).join('');
        if (rest) stdin.unshift(Buffer.from(rest));
        return line.join('');
      }
      if (key === CTRL_U) line = [];
      else if (key === '\x7f' || key === '\b') line.pop();
      else line.push(key);
    }
  }
  return line.join('');
}
