/** Bounds and times of a registry. */
export interface RegistryOptions {
  /** of one blob; default: what the disk takes */
  readonly maxBlobBytes?: number;
  /** uploads that one account, or an address without an account, may have open (default 1000) */
  readonly maxOpenUploads?: number;
  /** how long next to nothing of a body may come (default a minute) */
  readonly stallMs?: number;
  /** an upload that nobody goes on with is dropped after this (default a day) */
  readonly uploadAgeMs?: number;
  /** a blob that no manifest refers to is dropped after this (default a day): a push has to be done by then */
  readonly graceMs?: number;
  /** between two collections (default an hour) */
  readonly collectEveryMs?: number;
  /** what clients are asked to send at least in one part, as `OCI-Chunk-Min-Length` (default: they are not asked) */
  readonly chunkMinBytes?: number;
}

export type Limits = Required<RegistryOptions>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const DEFAULT_LIMITS: Limits = {
  maxBlobBytes: Number.MAX_SAFE_INTEGER,
  maxOpenUploads: 1000,
  stallMs: 60_000,
  uploadAgeMs: DAY_MS,
  graceMs: DAY_MS,
  collectEveryMs: HOUR_MS,
  chunkMinBytes: 0,
};

/** A manifest may not be larger: what the distribution specification asks registries to take. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
