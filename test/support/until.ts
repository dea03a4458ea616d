import assert from 'node:assert/strict';

/** Polls until `isTrue`, or fails with what was awaited. */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  limitMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) assert.fail(`not within ${limitMs} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 25));
  }
}
