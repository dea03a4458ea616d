import type { ErrorKind } from '#base/errors';

/** What pages and the JSON API answer to an error. `satisfies` makes a forgotten kind a compile error. */
export const HTTP_STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  notModified: 304,
  unavailable: 429, // what is limited here are attempts to sign in
  notImplemented: 501,
  cancelled: 499,
  deadline: 504,
  dataLoss: 500,
  internal: 500,
} as const satisfies Record<ErrorKind, number>;
