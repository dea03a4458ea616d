import { isKind } from '#base/errors';

/** What was wrong with one field of a form, told beside it. */
export class FieldError extends Error {
  override readonly name = 'FieldError';
  readonly field: string;

  constructor(field: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.field = field;
  }
}

/** Does what depends on one field: what is wrong with it, taken already or names nobody is told beside it. */
export function atField<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFieldError(field, error);
  }
}

/** The same for work that waits. */
export async function waitAtField<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asFieldError(field, error);
  }
}

function asFieldError(field: string, error: unknown): unknown {
  if (!isKind(error, 'invalid', 'conflict', 'notFound')) return error;
  return new FieldError(field, error.message, { cause: error });
}
