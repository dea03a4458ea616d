import { Semaphore } from '#base/semaphore';
import type { CliContext } from './context.ts';
import { explain } from './error-report.ts';

/** How many objects one command line works on at the same time. */
const AT_ONCE = 16;

/**
 * Does the same to several objects at once, and says what became of each in the order they were named: what `work` returns on
 * stdout, what it throws on stderr.
 *
 * @returns 1 if anything failed, else 0.
 */
export async function eachName(
  context: Pick<CliContext, 'print' | 'warn'>,
  names: readonly string[],
  work: (name: string) => Promise<string>,
): Promise<number> {
  const slots = new Semaphore(AT_ONCE);
  const results = names.map(name => slots.run(() => work(name)));
  // All are awaited below, one after the other; one that fails meanwhile is not a crash.
  for (const result of results) result.catch(() => undefined);
  let status = 0;
  for (const result of results) {
    try {
      context.print(await result);
    } catch (error) {
      context.warn(explain(error));
      status = 1;
    }
  }
  return status;
}
