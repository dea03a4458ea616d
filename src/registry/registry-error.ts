/** Codes of the OCI distribution specification (section "Error Codes"), their statuses, and what they mean. */
export const REGISTRY_ERRORS = {
  BLOB_UNKNOWN: { status: 404, meaning: 'blob unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 400, meaning: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, meaning: 'blob upload unknown to registry' },
  DENIED: { status: 403, meaning: 'requested access to the resource is denied' },
  DIGEST_INVALID: { status: 400, meaning: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: {
    status: 404,
    meaning: 'manifest references a manifest or blob unknown to registry',
  },
  MANIFEST_INVALID: { status: 400, meaning: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, meaning: 'manifest unknown to registry' },
  NAME_INVALID: { status: 400, meaning: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, meaning: 'repository name not known to registry' },
  SIZE_INVALID: { status: 400, meaning: 'provided length did not match content length' },
  TOOMANYREQUESTS: { status: 429, meaning: 'too many requests' },
  UNAUTHORIZED: { status: 401, meaning: 'authentication required' },
  UNSUPPORTED: { status: 405, meaning: 'the operation is unsupported' },
} as const satisfies Record<string, { readonly status: number; readonly meaning: string }>;

export type RegistryErrorCode = keyof typeof REGISTRY_ERRORS;

export interface RegistryErrorOptions {
  readonly cause?: unknown;
  /** JSON for programs, beside the sentence */
  readonly detail?: unknown;
  /** of the answer, such as `WWW-Authenticate` */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal in the words of the distribution protocol: `{"errors":[{"code", "message", "detail"}]}`. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: RegistryErrorCode, message?: string, options: RegistryErrorOptions = {}) {
    super(
      message ?? REGISTRY_ERRORS[code].meaning,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.status = REGISTRY_ERRORS[code].status;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}
