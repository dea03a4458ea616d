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
  const hint = failureHint(error);
  return {
    ...(exitCode === undefined ? {} : { code: exitCode }),
    ...(line === undefined ? {} : { line }),
    ...(vertex === undefined ? {} : { vertex: plainLine(vertex) }),
    ...(output === undefined ? {} : { output: output.map(plainLines) }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** What a program said in its last lines, and what helps. */
const HINTS: readonly (readonly [said: RegExp, hint: string])[] = [
  [
    /Do you want to continue\? \[Y\/n\] Abort/,
    'apt-get asked and nobody answers in a build: add -y (RUN apt-get update && apt-get install -y …)',
  ],
  [
    /Is this ok \[y\/(?:d\/)?N\]: /,
    'the package manager asked and nobody answers in a build: add -y (RUN dnf install -y …)',
  ],
  [
    /(?:does not have|no longer has) a Release file|404 {2}Not Found \[IP:/,
    'the package server no longer has this release: the base image is probably past its end of life; take a newer one, or its archive (for Debian: archive.debian.org)',
  ],
  [
    /E: Unable to locate package/,
    'no package of that name is known: the list of packages is fetched by apt-get update, in the same RUN',
  ],
  [
    /: not found$|executable file not found/,
    'the program is not in the image: install it in a RUN before, or take a base image that has it',
  ],
  [
    /Temporary failure (?:in name resolution|resolving)|Could not resolve (?:host|')/,
    'names cannot be resolved in this build: see --network and the DNS servers of the host',
  ],
];

/** What probably helps with a step that failed; by its last lines, as programs have no better way to tell. */
export function failureHint(error: unknown): string | undefined {
  const said = (stepOf(error)?.output ?? []).join('\n').trimEnd();
  return said === '' ? undefined : HINTS.find(([pattern]) => pattern.test(said))?.[1];
}

/** By what it has: the class itself is on the other side of the wall between API and services. */
function stepOf(error: unknown): Partial<FailedStep> | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('step' in error && typeof error.step === 'object' && error.step !== null) return error.step;
  if ('line' in error && typeof error.line === 'number') return { line: error.line };
  return undefined;
}
