/** What a caller can act on. One table per protocol maps kinds to its statuses. */
export type ErrorKind =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'notFound'
  | 'conflict'
  | 'notModified'
  | 'unavailable'
  | 'notImplemented'
  | 'cancelled'
  | 'deadline'
  | 'dataLoss'
  | 'internal';

/** The only error class that crosses a service boundary. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** Whether it is an error of one of these kinds. */
export function isKind(error: unknown, ...kinds: readonly ErrorKind[]): error is EngineError {
  return error instanceof EngineError && kinds.includes(error.kind);
}

/** `undefined` where the work fails with an error of one of these kinds. */
export async function orNone<T>(work: Promise<T>, ...kinds: readonly ErrorKind[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isKind(error, ...kinds)) return undefined;
    throw error;
  }
}

/** An error for something the engine does not do yet; `what` names it as the user asked for it. */
export function notImplemented(what: string): EngineError {
  return new EngineError('notImplemented', `not implemented: ${what}`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node or system error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
