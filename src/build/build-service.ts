import type { Abortable } from '#base/abortable';
import { notImplemented } from '#base/errors';
import type { EmitBuild } from './build-event.ts';
import type { BuildRequest, BuildResult } from './build-request.ts';

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

export interface CachePruneOptions extends Abortable {
  /** also what an image shares, and what was used a moment ago */
  readonly all?: boolean;
  /** keep the ones that were used last, up to so many bytes */
  readonly keepBytes?: number;
  /** only what was not used since; milliseconds since 1970 */
  readonly unusedSince?: number;
  readonly ids?: readonly string[];
}

export interface CachePruneReport {
  readonly deleted: readonly string[];
  readonly reclaimedBytes: number;
}

/** Dockerfile → graph of operations → images, with a cache of steps. */
export class BuildService {
  /**
   * Builds an image. All or nothing, but for steps that were done: those are found in the cache by the next build.
   *
   * @throws {BuildStepError} for what one step of the Dockerfile is the reason of.
   * @throws {EngineError} `invalid` for a bad Dockerfile, target, tag or argument; `cancelled`; `unavailable` when the disk is full.
   */
  build(_request: BuildRequest, _emit: EmitBuild, _options: Abortable = {}): Promise<BuildResult> {
    return Promise.reject(notImplemented('building images'));
  }

  /** What builds may find again, newest use first. */
  cacheEntries(): BuildCacheEntry[] {
    return [];
  }

  /** Removes what no build needs now. */
  pruneCache(_options: CachePruneOptions = {}): Promise<CachePruneReport> {
    return Promise.resolve({ deleted: [], reclaimedBytes: 0 });
  }
}
