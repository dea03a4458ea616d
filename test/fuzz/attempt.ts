import assert from 'node:assert/strict';
import { EngineError } from '#base/errors';

/** Runs a parser; whatever it refuses, it refuses in its own words and at once. */
export function attempt<T>(input: unknown, parse: () => T): T | undefined {
  const begun = performance.now();
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof EngineError, `${JSON.stringify(input)}: ${String(error)}`);
    assert.equal(error.kind, 'invalid', JSON.stringify(input));
    return undefined;
  } finally {
    const took = performance.now() - begun;
    assert.ok(took < 2000, `${took} ms for ${JSON.stringify(input)}`);
  }
}
