/** An engine answered with a status of 400 or more. `message` is the engine's own wording. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** No answer: nothing listens at the address, or we may not talk to it. `code` is the system's, such as `ECONNREFUSED`. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly address: string;
  readonly code: string | undefined;

  constructor(address: string, code: string | undefined, options?: { readonly cause?: unknown }) {
    super(`cannot connect to ${address}${code ? `: ${code}` : ''}`, options);
    this.address = address;
    this.code = code;
  }
}

/** The engine went away in the middle of an answer, or before it. What it had been asked may be done or not. */
export class LostConnectionError extends Error {
  override readonly name = 'LostConnectionError';
  readonly code = 'ECONNRESET';
}

export function isStatus(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}
