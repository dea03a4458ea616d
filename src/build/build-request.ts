import type { Digest } from '#base/ids';
import type { Credentials } from '#distribution/credentials';

/**
 * What COPY, ADD and the Dockerfile itself come from.
 *
 * `directory`: trusted path of a folder that nobody changes until the build is over; what its links say is only ever followed inside
 * it. `archive`: a tar (plain, gzip or zstd) in a file, of which the build makes a folder of its own. `none`: an empty context.
 * Both stay the caller's, who removes them when the build is over.
 */
export type BuildContext =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'archive'; readonly path: string }
  | { readonly kind: 'none' };

/** The text itself, and what messages call it; or a path in the context. */
export type DockerfileSource =
  | { readonly kind: 'text'; readonly text: string; readonly name?: string }
  | { readonly kind: 'path'; readonly path: string };

export interface BuildUlimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** Limits of each RUN step; 0 or absent: none. They are no part of what a step's cache is looked up by. */
export interface BuildLimits {
  readonly memoryBytes?: number;
  /** memory and swap together; -1: as much swap as there is */
  readonly memorySwapBytes?: number;
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly cgroupParent?: string;
  /** default 64 MiB */
  readonly shmBytes?: number;
  readonly ulimits?: readonly BuildUlimit[];
}

export interface BuildRequest {
  readonly dockerfile: DockerfileSource;
  readonly context: BuildContext;
  /** further contexts, for `FROM name` and `COPY --from=name` */
  readonly namedContexts?: ReadonlyMap<string, BuildContext>;
  /** name or number of the last stage to build; absent: the last one of the file */
  readonly target?: string;
  /** `null`: named without a value, so the default of the Dockerfile holds */
  readonly buildArgs?: ReadonlyMap<string, string | null>;
  readonly labels?: ReadonlyMap<string, string>;
  /** `name[:tag]`, checked before anything is built */
  readonly tags?: readonly string[];
  /** `os/architecture[/variant]`; absent: the host's */
  readonly platform?: string;
  /** true: no step is looked up; what is built is remembered all the same. Names of stages: only theirs. */
  readonly noCache?: boolean | readonly string[];
  /** ask the registry for base images that are here, too */
  readonly pull?: boolean;
  /** for RUN: `default` (or absent), `none`, `host`, or the name of a network */
  readonly networkMode?: string;
  /** `name:address` */
  readonly extraHosts?: readonly string[];
  readonly limits?: BuildLimits;
  /** Accepted, and warned of: the cache is the engine's own. */
  readonly cacheFrom?: readonly string[];
  /** for `RUN --mount=type=secret,id=…` */
  readonly secrets?: ReadonlyMap<string, Buffer>;
  /** Accepted where Docker's builder takes it: security options of RUN. */
  readonly securityOpt?: readonly string[];
  /** for the registry of that domain */
  readonly credentials?: (domain: string) => Credentials;
}

export interface BuildResult {
  readonly imageId: Digest;
  /** in their familiar form */
  readonly tags: readonly string[];
}
