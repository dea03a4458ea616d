import type { Digest } from '#base/ids';
import type { PullLine } from '#image/pull-progress';

/** A step as progress shows it: what is built, not yet how it went. */
export interface BuildVertex {
  /** unique in this build, from 1 in the order of the Dockerfile; what is none of its lines (contexts, export) has one too */
  readonly id: number;
  /** `[stage 2/5] RUN apt-get …`, `[internal] load build context`, `exporting to image` */
  readonly name: string;
  readonly kind: 'internal' | 'from' | 'run' | 'copy' | 'metadata' | 'export';
  /** Only of instructions: for the classic output (`Step 1/5 : FROM …`). */
  readonly step?: BuildStep;
}

export interface BuildStep {
  /** from 1, over all stages that are built, in the order of the Dockerfile */
  readonly number: number;
  readonly total: number;
  /** the instruction as it is written, with variables put in: `FROM busybox`, `RUN --network=none make` */
  readonly text: string;
  /** from 1 */
  readonly line: number;
  /** name or number of its stage */
  readonly stage: string;
}

/**
 * What a build tells while it goes on. Of each vertex: `started`, then any number of `log` and `pull`, then one of `done` and `failed`.
 * Several may be under way at once. Vertices that are never needed are never told of.
 */
export type BuildEvent =
  /** all that will be done, as far as it is known; before the first `started` */
  | { readonly type: 'planned'; readonly vertices: readonly BuildVertex[] }
  | { readonly type: 'started'; readonly vertex: BuildVertex; readonly at: number }
  | {
      readonly type: 'done';
      readonly vertex: BuildVertex;
      readonly at: number;
      readonly isCached: boolean;
      /** digest of what an image of this step would be: what the classic output shows (` ---> 1d2c…`) */
      readonly stateId?: Digest;
    }
  | {
      readonly type: 'failed';
      readonly vertex: BuildVertex;
      readonly at: number;
      readonly message: string;
      /** it is not this one that the build failed in: what it waited for, or the whole build, has ended */
      readonly isCancelled: boolean;
    }
  | {
      readonly type: 'log';
      readonly vertex: BuildVertex;
      readonly stream: 'stdout' | 'stderr';
      /** as the step wrote it: not cut at lines */
      readonly data: Buffer;
      readonly at: number;
    }
  | { readonly type: 'pull'; readonly vertex: BuildVertex; readonly line: PullLine }
  | { readonly type: 'warning'; readonly message: string; readonly line?: number }
  /** the last one of a build that succeeds */
  | { readonly type: 'image'; readonly imageId: Digest; readonly tags: readonly string[] };

/** Must not throw. A promise holds the build up: a client that is slow to read its output sets the pace. */
export type EmitBuild = (event: BuildEvent) => void | Promise<void>;
