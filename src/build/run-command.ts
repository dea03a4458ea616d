import { posix } from 'node:path';
import { DEFAULT_SHELL } from '#image/config-change';
import type { RunInstruction } from '#spec/dockerfile/instructions';
import type { RunScript } from './run-mounts.ts';

/** What RUN runs: a shell with a text, a program, or a script of the Dockerfile, which is mounted at a place of its own. */
export function commandOf(
  { command }: RunInstruction,
  shell: readonly string[] = DEFAULT_SHELL,
): { readonly args: readonly string[]; readonly script?: RunScript } {
  if (command.form === 'exec') return { args: command.args };
  if (command.form === 'shell') return { args: [...shell, command.text] };
  const path = posix.join('/dev/pipes', posix.basename(command.name));
  return { args: [path], script: { path, content: command.content } };
}
