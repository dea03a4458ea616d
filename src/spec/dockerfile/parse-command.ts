import { badInstruction } from './dockerfile-error.ts';
import { heredocContent, heredocStart, type RawHeredoc } from './heredoc.ts';
import type { Command, RunCommand } from './instructions.ts';
import { jsonList } from './json-list.ts';

/** The JSON form, or a line for the shell. */
export function parseCommand(keyword: string, text: string): Command {
  if (text === '') throw badInstruction(`${keyword} requires at least one argument`);
  const args = jsonList(text);
  return args ? { form: 'exec', args } : { form: 'shell', text };
}

/**
 * What RUN runs, here-documents put in: one that stands alone is the script; next to a command they are what the shell reads.
 */
export function parseRunCommand(text: string, heredocs: readonly RawHeredoc[]): RunCommand {
  const command = parseCommand('RUN', text);
  const [first] = heredocs;
  if (command.form === 'exec' || !first) return command;
  if (!heredocStart(text)) return { form: 'shell', text: text + heredocs.map(bodyForShell).join('') };
  const content = heredocContent(first);
  if (content.startsWith('#!')) return { form: 'script', name: fileName(first), content };
  return { form: 'shell', text: content };
}

/** As on the lines of the file; tabs are the shell's to take off. */
function bodyForShell({ body, name }: RawHeredoc): string {
  return `\n${body}${name}`;
}

export function fileName({ name }: RawHeredoc): string {
  if (name === '.' || name === '..' || name.includes('/')) {
    throw badInstruction(`the name of a here-document is that of a file: write another word for <<${name}`);
  }
  return name;
}
