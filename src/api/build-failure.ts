import { plainLine, plainLines } from '#base/plain-text';
import type { FailedStep } from '#build/build-error';

/**
 * What clients get to know of an error beside its message: `code`, which Docker's command line ends with, and for ours where
 * in the Dockerfile it was.
 */
export function failureDetail(error: unknown): object {
  const step = stepOf(error);
  if (!step) return {};
  const { line, vertex, exitCode, output } = step;
  return {
    ...(exitCode === undefined ? {} : { code: exitCode }),
    ...(line === undefined ? {} : { line }),
    ...(vertex === undefined ? {} : { vertex: plainLine(vertex) }),
    ...(output === undefined ? {} : { output: output.map(plainLines) }),
  };
}

/** By what it has: the class itself is on the other side of the wall between API and services. */
function stepOf(error: unknown): Partial<FailedStep> | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('step' in error && typeof error.step === 'object' && error.step !== null) return error.step;
  if ('line' in error && typeof error.line === 'number') return { line: error.line };
  return undefined;
}
