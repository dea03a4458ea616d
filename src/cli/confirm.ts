import type { CliContext } from './context.ts';
import { askLine } from './terminal/prompt.ts';

/** Asks on the terminal; no answer is a no. */
export async function isConfirmed(context: CliContext, warning: string): Promise<boolean> {
  const answer = await askLine(context, `${warning}\nAre you sure you want to continue? [y/N] `);
  return answer.toLowerCase() === 'y';
}
