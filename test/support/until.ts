import assert from 'node:assert/strict';

/** How long a test waits for what has to come: a busy machine takes its time, and only what hangs takes longer. */
export const PATIENCE_MS = 60_000;

const PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 250;

/** Polls until `isTrue`, or fails with what was awaited. What takes long to find out, such as by a program, is asked less often. */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  limitMs = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const asked = performance.now();
    if (await isTrue()) return;
    if (Date.now() > deadline) assert.fail(`not within ${limitMs} ms: ${what}`);
    const pauseMs = Math.min(Math.max(PAUSE_MS, performance.now() - asked), LONGEST_PAUSE_MS);
    await new Promise(resolve => setTimeout(resolve, pauseMs));
  }
}
