import { EngineError, type ErrorKind, messageOf } from '#base/errors';
import { familiarName, familiarReference, type Reference } from '#spec/reference';
import { isDiskFull, NO_SPACE } from '#store/disk-space';

/** Why a registry said no. */
export interface RegistryProblem {
  readonly status: number;
  /** of the distribution spec, `DENIED` or `MANIFEST_UNKNOWN`; empty when it gave none */
  readonly code: string;
  /** for people, as Docker words it: `manifest unknown: manifest unknown` */
  readonly text: string;
}

/** What was asked for: a reference with a tag or a digest, or a name alone. */
export type Subject = Reference;

export function registryBlocked(name: string, prefix: string): EngineError {
  return new EngineError('forbidden', `${name} is blocked by the rule for "${prefix}" of this engine`);
}

export function notARegistry(server: string): EngineError {
  const shown = JSON.stringify(server.slice(0, 200));
  return new EngineError('invalid', `${shown} is no registry: it must look like host[:port]`);
}

/** Docker's wording (daemon/internal/distribution/errors.go): clients look for it. */
export function pullRefused(problem: RegistryProblem, subject: Subject): EngineError {
  const { code, text } = problem;
  if (code === 'DENIED') {
    const name = familiarName(subject);
    return new EngineError(
      'notFound',
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${text}`,
    );
  }
  if (code === 'MANIFEST_UNKNOWN') {
    return new EngineError('notFound', `manifest for ${familiarReference(subject)} not found: ${text}`);
  }
  if (code === 'NAME_UNKNOWN') {
    return new EngineError('notFound', `repository ${familiarName(subject)} not found: ${text}`);
  }
  return refused(problem);
}

export function blobRefused(problem: RegistryProblem, digest: string): EngineError {
  return problem.status === 404
    ? new EngineError('notFound', `the registry has no blob ${digest}: ${problem.text}`)
    : refused(problem);
}

/** Whatever else a registry said no to. */
export function refused({ text, status, code }: RegistryProblem): EngineError {
  return new EngineError(kindOf(status, code), text);
}

function kindOf(status: number, code: string): ErrorKind {
  if (code === 'UNAUTHORIZED' || status === 401) return 'unauthorized';
  if (code === 'DENIED' || status === 403 || status === 405) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 409) return 'conflict';
  return status === 429 || status >= 500 ? 'unavailable' : 'invalid';
}

/** Docker's wording. */
export function loginRefused({ origin }: URL): EngineError {
  return new EngineError(
    'unauthorized',
    `login attempt to ${origin}/v2/ failed with status: 401 Unauthorized`,
  );
}

/** Docker's wording. */
export function noBasicCredentials(): EngineError {
  return new EngineError('unauthorized', 'no basic auth credentials');
}

/** Not the registry's fault: asking again would not help. */
export function cannotKeep(digest: string, cause: unknown): EngineError {
  const reason = isDiskFull(cause) ? NO_SPACE : messageOf(cause);
  const what = `blob ${digest} could not be written: ${reason}; what came of it is kept for the next attempt`;
  return new EngineError('unavailable', what, { cause });
}

export function wrongDigest(what: string, expected: string, actual: string): EngineError {
  return new EngineError(
    'dataLoss',
    `${what} from the registry is not what was asked for: expected ${expected}, got ${actual}`,
  );
}

export function wrongSize(what: string, expected: number, actual: string): EngineError {
  return new EngineError(
    'dataLoss',
    `${what} from the registry has the wrong size: expected ${expected} bytes, got ${actual}`,
  );
}

/** An answer that is not one of a registry. */
export function badAnswer(host: string, problem: string): EngineError {
  return new EngineError('invalid', `the registry at ${host} gave an answer that cannot be used: ${problem}`);
}

export function tokenRefused(realm: string, reason: string): EngineError {
  return new EngineError('unauthorized', `no token is asked for at ${realm}: ${reason}`);
}

export function redirectRefused(from: string, to: string, reason: string): EngineError {
  return new EngineError('forbidden', `${from} sends us to ${to}, which is not followed: ${reason}`);
}
