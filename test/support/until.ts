import assert from 'node:assert/strict';

/** How long a test waits for what has to come: a busy machine takes its time, and only what hangs takes longer. */
export const PATIENCE_MS = 60_000;

/** Polls until `isTrue`, or fails with what was awaited. */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  limitMs = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) assert.fail(`not within ${limitMs} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 25));
  }
}
