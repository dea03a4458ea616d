/** What is kept of one step, so that it need not be done again; or a folder of `RUN --mount=type=cache`. */
export interface BuildCacheEntry {
  readonly id: string;
  readonly kind: 'regular' | 'exec.cachemount';
  /** the step, or the place of the folder */
  readonly description: string;
  readonly sizeBytes: number;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly useCount: number;
  /** a build needs it now */
  readonly isInUse: boolean;
  /** an image has the same layer: removing the entry frees nothing */
  readonly isShared: boolean;
  readonly parents: readonly string[];
}
