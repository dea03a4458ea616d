import type { Abortable } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { EngineError, messageOf } from '#base/errors';
import { type FaultSwitch, noFaults } from '#base/fault-points';
import type { Logger } from '#base/logger';
import type { ImageService } from '#image/image-service';
import type { NetworkService } from '#network/network-service';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import type { SeccompFilters } from '#runtime/oci-spec/seccomp-filters';
import type { ProcessRuntime } from '#runtime/process-runtime';
import type { Snapshotter } from '#snapshot/snapshotter';
import { hostPlatform } from '#spec/oci/platform';
import type { Database } from '#store/database';
import type { JailPool } from '#store/jail-pool';
import type { Mounts } from '#sys/mount';
import type { AddSources } from './add-sources.ts';
import type { BuildDeps } from './build-deps.ts';
import type { EmitBuild } from './build-event.ts';
import { BuildFolders, namesIn } from './build-folders.ts';
import type { BuildRequest, BuildResult } from './build-request.ts';
import { BuildSession } from './build-session.ts';
import { sweepBuilds, sweepFolders } from './build-sweep.ts';
import { type BuildCacheEntry, ownBytes } from './cache-entry.ts';
import { CacheMounts } from './cache-mounts.ts';
import { type CachePruneOptions, type CachePruneReport, pruneCache } from './cache-prune.ts';
import { MountTable } from './mount-table.ts';
import { RunMounts } from './run-mounts.ts';
import { RunProcesses } from './run-process.ts';
import { SharedSteps } from './shared-steps.ts';
import { StepCache } from './step-cache.ts';
import { StepTable } from './step-table.ts';

export interface BuildServiceDeps {
  /** with `buildMigrations` applied */
  readonly db: Database;
  readonly images: ImageService;
  readonly snapshots: Snapshotter;
  readonly networks: NetworkService;
  readonly runtime: ProcessRuntime;
  readonly host: HostFacts;
  readonly seccomp: SeccompFilters;
  readonly jail: JailPool;
  readonly adds: Pick<AddSources, 'fetch' | 'unpack'>;
  readonly mounts: Pick<Mounts, 'mount' | 'unmount' | 'detach'>;
  /** the engine's data, and what is gone after a reboot */
  readonly root: string;
  readonly runDir: string;
  readonly defaults: { readonly runtime: string; readonly pidsLimit: number | undefined };
  readonly faults?: FaultSwitch;
  readonly events: EventSink;
  readonly logger: Logger;
}

/**
 * Dockerfile → graph of operations → images, with a cache of steps. See docs/design/build.md.
 *
 * Life cycle: construct before anything is collected among images (what the cache has is held from then on), {@link restore} after the
 * containers were, {@link close} at the end.
 */
export class BuildService {
  readonly #deps: BuildDeps;
  readonly #db: Database;
  readonly #runtime: ProcessRuntime;
  readonly #cacheMounts: CacheMounts;
  readonly #running = new Map<AbortController, Promise<unknown>>();
  #isClosed = false;

  constructor(deps: BuildServiceDeps) {
    const { db, images, jail, mounts, logger } = deps;
    const folders = new BuildFolders(deps.root, deps.runDir);
    const faults = deps.faults ?? noFaults;
    this.#db = db;
    this.#runtime = deps.runtime;
    this.#cacheMounts = new CacheMounts({ table: new MountTable(db), folders, jail });
    this.#deps = {
      ...deps,
      folders,
      faults,
      cache: new StepCache({ table: new StepTable(db), layers: images.layers, logger }),
      runs: new RunProcesses({ ...deps, folders, faults }),
      runMounts: new RunMounts({ folders, mounts, cache: this.#cacheMounts, jail }),
      shared: new SharedSteps(),
      platform: hostPlatform(process.arch),
    };
  }

  /**
   * Builds an image. All or nothing, but for steps that were done: those are found in the cache by the next build.
   *
   * @throws {BuildStepError} for what one step of the Dockerfile is the reason of.
   * @throws {EngineError} `invalid` for a bad Dockerfile, target, tag or argument; `cancelled`; `unavailable` when the disk is full.
   */
  async build(request: BuildRequest, emit: EmitBuild, { signal }: Abortable = {}): Promise<BuildResult> {
    if (this.#isClosed) throw new EngineError('unavailable', 'the engine is shutting down');
    const closing = new AbortController();
    const either = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
    const building = BuildSession.run(this.#deps, request, emit, either);
    this.#running.set(closing, building);
    try {
      const result = await building;
      await this.#db.synced();
      return result;
    } finally {
      this.#running.delete(closing);
      this.#deps.cache.trim();
    }
  }

  /** What builds may find again, newest use first. */
  cacheEntries(): BuildCacheEntry[] {
    const { cache, images } = this.#deps;
    const records = cache.list();
    const idOfChain = new Map(
      records.flatMap(({ id, layer }) => (layer ? [[layer.chainId, id] as const] : [])),
    );
    const steps = records.map(record => {
      const { id, description, layer, createdAt, lastUsedAt, useCount, key, parentChain } = record;
      const parent = parentChain === undefined ? undefined : idOfChain.get(parentChain);
      return {
        id,
        kind: 'regular',
        description,
        sizeBytes: layer ? layer.sizeBytes + images.keptBytes(layer.blobDigest) : 0,
        ...(layer ? { chainId: layer.chainId } : {}),
        createdAt,
        lastUsedAt,
        useCount,
        isInUse: cache.isInUse(key),
        isShared: layer !== undefined && images.layers.isOwned(layer),
        parents: parent === undefined ? [] : [parent],
      } as const;
    });
    const mounts = this.#cacheMounts.list().map(record => {
      const { id, description, createdAt, lastUsedAt, useCount } = record;
      return {
        id,
        kind: 'exec.cachemount',
        description,
        sizeBytes: this.#cacheMounts.sizeOf(record),
        createdAt,
        lastUsedAt,
        useCount,
        isInUse: this.#cacheMounts.isInUse(record),
        isShared: false,
        parents: [],
      } as const;
    });
    return [...steps, ...mounts].toSorted((one, other) => other.lastUsedAt - one.lastUsedAt);
  }

  /** What entries take beside what images have. */
  ownBytes(entries: readonly BuildCacheEntry[]): number {
    return ownBytes(entries);
  }

  /** Removes what no build needs now. */
  async pruneCache(options: CachePruneOptions = {}): Promise<CachePruneReport> {
    await this.#cacheMounts.measure(options);
    const { cache } = this.#deps;
    const report = await pruneCache(this.cacheEntries(), options, { cache, mounts: this.#cacheMounts });
    await this.#db.synced();
    return report;
  }

  /** Whether a step that runs needs an active snapshot. */
  ownsSnapshot(key: string): boolean {
    return this.#deps.runs.ownsSnapshot(key);
  }

  /** At start, before anything is built: ends and removes what a crash left of builds. */
  async restore(): Promise<void> {
    const work = namesIn(this.#deps.folders.work);
    await sweepBuilds(this.#deps, this.#runtime);
    sweepFolders(work, this.#deps, this.#cacheMounts).catch((error: unknown) => {
      this.#deps.logger.warn('cannot remove folders of builds; the next start does', {
        error: messageOf(error),
      });
    });
  }

  /** Ends builds under way, and waits until nothing of them is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const closing of this.#running.keys()) {
      closing.abort(new EngineError('cancelled', 'the engine is shutting down'));
    }
    await Promise.allSettled(this.#running.values());
    this.#deps.runs[Symbol.dispose]();
  }
}
