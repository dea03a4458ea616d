import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Runs a program to its end and returns what it wrote, errors too. @throws when it fails. */
export async function run(program: string, words: readonly string[]): Promise<string> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, error, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${tail(error || out)}`);
  return `${out}${error}`;
}

/** The same, and everybody sees what it writes. */
export async function show(program: string, words: readonly string[]): Promise<void> {
  const [code] = await once(spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit'] }), 'close');
  if (code !== 0) throw new Error(`${program} ${words.join(' ')} failed`);
}

function tail(output: string): string {
  return output.trimEnd().split('\n').slice(-20).join('\n');
}
