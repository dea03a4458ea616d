import { EngineError, type ErrorKind, messageOf } from '#base/errors';
import { HttpError } from '#http/http-error';
import type { ReplyHeaders } from '#http/reply';
import { isDiskFull, NO_SPACE } from '#store/disk-space';

interface CodeFacts {
  readonly status: number;
  /** for the documentation, and the message where nobody gives one */
  readonly message: string;
  /** when it is sent, in one sentence */
  readonly description: string;
  /** whose word it is; clients show what they do not know as `unknown` with the message */
  readonly source: 'oci' | 'distribution' | 'quai';
}

/** Every code that an answer of the registry can have. `docs/registry-errors.md` is made of this table. */
export const REGISTRY_ERRORS = {
  BLOB_UNKNOWN: {
    status: 404,
    message: 'blob unknown to registry',
    description: 'The repository has no blob of that digest. Another repository having it does not count.',
    source: 'oci',
  },
  BLOB_UPLOAD_INVALID: {
    status: 400,
    message: 'blob upload invalid',
    description: 'Another request goes on with the upload: the newest of a client is the one that counts.',
    source: 'oci',
  },
  BLOB_UPLOAD_UNKNOWN: {
    status: 404,
    message: 'blob upload unknown to registry',
    description: 'No such upload: it is finished, cancelled, swept for its age, or of somebody else.',
    source: 'oci',
  },
  DIGEST_INVALID: {
    status: 400,
    message: 'provided digest did not match uploaded content',
    description: 'A digest is malformed, or the content has another one. Nothing is stored then.',
    source: 'oci',
  },
  MANIFEST_BLOB_UNKNOWN: {
    status: 404,
    message: 'manifest references a manifest or blob unknown to registry',
    description: 'A manifest names a blob, or an index a manifest, that the repository does not have.',
    source: 'oci',
  },
  MANIFEST_INVALID: {
    status: 400,
    message: 'manifest invalid',
    description: 'The document is no manifest of a supported type, or can be read as two of them.',
    source: 'oci',
  },
  MANIFEST_UNKNOWN: {
    status: 404,
    message: 'manifest unknown to registry',
    description: 'The repository has no such tag or manifest.',
    source: 'oci',
  },
  NAME_INVALID: {
    status: 400,
    message: 'invalid repository name',
    description: 'The name of the repository does not follow the grammar, or is longer than 255 characters.',
    source: 'oci',
  },
  NAME_UNKNOWN: {
    status: 404,
    message: 'repository name not known to registry',
    description: 'There is no such repository.',
    source: 'oci',
  },
  SIZE_INVALID: {
    status: 400,
    message: 'provided length did not match content length',
    description: 'A part, or a blob that a manifest describes, has not the size that was announced.',
    source: 'oci',
  },
  UNAUTHORIZED: {
    status: 401,
    message: 'authentication required',
    description: 'Credentials are missing or wrong; `WWW-Authenticate` says where to get some.',
    source: 'oci',
  },
  DENIED: {
    status: 403,
    message: 'requested access to the resource is denied',
    description: 'The account is known, and may not do that.',
    source: 'oci',
  },
  UNSUPPORTED: {
    status: 405,
    message: 'the operation is unsupported',
    description: 'The registry does not do that: another method, another algorithm of digests.',
    source: 'oci',
  },
  TOOMANYREQUESTS: {
    status: 429,
    message: 'too many requests',
    description: 'The caller has too many uploads open; finish or cancel some.',
    source: 'oci',
  },
  TAG_INVALID: {
    status: 400,
    message: 'manifest tag is invalid',
    description: 'The tag does not follow the grammar, or is longer than 128 characters.',
    source: 'distribution',
  },
  PAGINATION_NUMBER_INVALID: {
    status: 400,
    message: 'invalid number of results requested',
    description: '`n` is no whole number from 0.',
    source: 'distribution',
  },
  RANGE_INVALID: {
    status: 416,
    message: 'invalid content range',
    description:
      'A part does not begin where the upload stands (`Range` says where), or a range is outside of a blob.',
    source: 'distribution',
  },
  UNKNOWN: {
    status: 500,
    message: 'unknown error',
    description: 'A fault of the registry. Its log has the details.',
    source: 'distribution',
  },
  UNAVAILABLE: {
    status: 503,
    message: 'service unavailable',
    description: 'The registry cannot answer now; later it may.',
    source: 'distribution',
  },
  NOT_FOUND: {
    status: 404,
    message: 'no such resource',
    description: 'The path means nothing in the protocol.',
    source: 'quai',
  },
  BAD_REQUEST: {
    status: 400,
    message: 'malformed request',
    description: 'Path or headers cannot be understood.',
    source: 'quai',
  },
  IN_USE: {
    status: 409,
    message: 'still in use',
    description: 'A manifest refers to the blob, or an index to the manifest, that is to be deleted.',
    source: 'quai',
  },
  TOO_LARGE: {
    status: 413,
    message: 'too large',
    description: 'A manifest above 4 MiB, or a blob above the limit of this registry.',
    source: 'quai',
  },
  TIMEOUT: {
    status: 408,
    message: 'the client sends too slowly',
    description:
      'Next to nothing of a body came for a while. What did come is kept, and the upload can go on.',
    source: 'quai',
  },
  NO_SPACE: {
    status: 507,
    message: NO_SPACE,
    description: 'The disk of the registry, or what a namespace may use of it, is full.',
    source: 'quai',
  },
} as const satisfies Record<string, CodeFacts>;

export type RegistryErrorCode = keyof typeof REGISTRY_ERRORS;

export interface RegistryErrorOptions {
  readonly cause?: unknown;
  /** what a program can use, for the `detail` of the answer */
  readonly detail?: unknown;
  readonly headers?: ReplyHeaders;
}

/** What the registry answers instead of what was asked for. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;
  readonly detail: unknown;
  readonly headers: ReplyHeaders;

  /** @param message default: the one of the table */
  constructor(code: RegistryErrorCode, message?: string, options: RegistryErrorOptions = {}) {
    super(
      message ?? REGISTRY_ERRORS[code].message,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return REGISTRY_ERRORS[this.code].status;
  }
}

/** Other credentials could help; `challenge` is the value of `WWW-Authenticate`. */
export function unauthorized(challenge: string, message?: string): RegistryError {
  return new RegistryError('UNAUTHORIZED', message, { headers: { 'WWW-Authenticate': challenge } });
}

/** Whatever was thrown, in the words of the protocol. What nobody foresaw says nothing of itself: it may hold paths. */
export function registryErrorOf(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  if (error instanceof HttpError) return ofHttp(error);
  if (isDiskFull(error)) return new RegistryError('NO_SPACE', undefined, { cause: error });
  if (!(error instanceof EngineError)) return new RegistryError('UNKNOWN', undefined, { cause: error });
  if (error.kind === 'unavailable') {
    return new RegistryError(error.message === NO_SPACE ? 'NO_SPACE' : 'UNAVAILABLE', error.message, {
      cause: error,
    });
  }
  const code = CODE_OF_KIND[error.kind];
  return new RegistryError(code ?? 'UNKNOWN', code && messageOf(error), { cause: error });
}

const CODE_OF_KIND: Readonly<Partial<Record<ErrorKind, RegistryErrorCode>>> = {
  invalid: 'BAD_REQUEST',
  unauthorized: 'UNAUTHORIZED',
  forbidden: 'DENIED',
  notFound: 'NOT_FOUND',
};

function ofHttp(error: HttpError): RegistryError {
  const { headers, message } = error;
  const options = { cause: error, headers };
  switch (error.status) {
    case 404:
      return new RegistryError('NOT_FOUND', undefined, options);
    case 405:
      return new RegistryError('UNSUPPORTED', message, options);
    case 413:
      return new RegistryError('TOO_LARGE', message, options);
    default:
      return new RegistryError('BAD_REQUEST', message, options);
  }
}
