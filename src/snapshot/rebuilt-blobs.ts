import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Abortable, orAborted, throwIfAborted } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import { SingleFlight } from '#base/single-flight';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import type { JailPool } from '#store/jail-pool';
import type { Leases } from '#store/leases';
import type { TarPlace } from '#store/tar-place';
import { type LayerBlobRecord, LayerBlobTable } from './layer-blob-table.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import type { LayerTars } from './snapshotter.ts';

export interface RebuiltBlobsDeps {
  readonly db: Database;
  readonly content: ContentStore;
  readonly tars: LayerTars;
  /** what work under way needs as it is */
  readonly leases: Pick<Leases, 'isHeld'>;
  /** threads of its own: what it does takes long, and nobody waits for most of it */
  readonly jail: Pick<JailPool, 'run'>;
  readonly logger: Logger;
  /** how long no layer has come before blobs are looked at; default 10 minutes: a push often follows a pull or build */
  readonly idleMs?: number;
}

const DEFAULT_IDLE_MS = 10 * 60 * 1000;

/**
 * Blobs that are kept once: where the layer of a compressed blob is kept as its tar, and the exact blob can be made from that again, which
 * is proven byte by byte, the blob itself goes. Whoever opens it has it made again, and it stays until the engine is idle.
 *
 * Making one again and tidying never go at the same time: both change what layers are kept as. Whoever waits for a blob goes first.
 */
export class RebuiltBlobs implements LayerBlobs, AsyncDisposable {
  readonly #deps: RebuiltBlobsDeps;
  readonly #table: LayerBlobTable;
  readonly #rebuilding = new SingleFlight<void>();
  /** being read */
  readonly #open = new Map<Digest, number>();
  #timer: NodeJS.Timeout | undefined;
  #tidying: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  /** under way or waiting for a pass to end */
  readonly #rebuilds = new Set<Promise<void>>();
  #isClosed = false;

  constructor(deps: RebuiltBlobsDeps) {
    this.#deps = deps;
    this.#table = new LayerBlobTable(deps.db);
    this.#workLater();
  }

  /** Says that a layer was taken in from this blob. */
  note({ digest, sizeBytes, diffId, tarBytes }: Omit<LayerBlobRecord, 'isTried' | 'recipe'>): void {
    if (digest === diffId) return; // the tar is the blob
    this.#table.insert({ digest, sizeBytes, diffId, tarBytes });
    this.#workLater();
  }

  has(digest: Digest): boolean {
    return this.#deps.content.has(digest) || this.#recipeOf(digest) !== undefined;
  }

  size(digest: Digest): number {
    if (this.#deps.content.has(digest)) return this.#deps.content.size(digest);
    return this.#recipeOf(digest)?.record.sizeBytes ?? this.#deps.content.size(digest);
  }

  async *open(digest: Digest, { signal }: Abortable = {}): AsyncGenerator<Buffer> {
    this.#open.set(digest, (this.#open.get(digest) ?? 0) + 1);
    try {
      if (!this.#deps.content.has(digest)) await this.#rebuild(digest, signal);
      for await (const chunk of this.#deps.content.stream(digest)) {
        throwIfAborted(signal);
        yield chunk;
      }
    } finally {
      const readers = (this.#open.get(digest) ?? 1) - 1;
      if (readers > 0) this.#open.set(digest, readers);
      else this.#open.delete(digest);
      this.#workLater();
    }
  }

  async remove(digest: Digest): Promise<void> {
    this.#table.delete(digest);
    await this.#deps.content.remove(digest);
  }

  sweep(isOwned: (digest: Digest) => boolean, rescue?: (digest: Digest) => void): void {
    this.#deps.content.sweep(isOwned, rescue);
    for (const { digest } of this.#table.list()) if (!isOwned(digest)) this.#table.delete(digest);
  }

  /** Looks for recipes, lets go of blobs that have one, and packs layers. Begins again after those who need a blob at once. */
  async tidy({ signal }: Abortable = {}): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      if (this.#isClosed) throw new EngineError('unavailable', 'the engine is shutting down');
      const others = [...this.#rebuilds, ...(this.#tidying ? [this.#tidying.done] : [])];
      if (others.length > 0) {
        await orAborted(Promise.allSettled(others), signal);
        continue;
      }
      const stop = new AbortController();
      const work = this.#tidyOnce(signal ? AbortSignal.any([signal, stop.signal]) : stop.signal);
      const tidying = { stop, done: work.catch(() => undefined) };
      this.#tidying = tidying;
      try {
        return await work;
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      } finally {
        if (this.#tidying === tidying) this.#tidying = undefined;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#interrupt();
  }

  async #tidyOnce(signal: AbortSignal): Promise<void> {
    for (const record of this.#table.list()) {
      throwIfAborted(signal);
      if (!this.#deps.content.has(record.digest)) continue;
      const recipe = record.isTried ? record.recipe : await this.#find(record, signal);
      if (recipe) await this.#drop(record);
    }
    await this.#deps.tars.pack(signal);
    throwIfAborted(signal);
  }

  async #find(record: LayerBlobRecord, signal: AbortSignal): Promise<object | undefined> {
    const { content, jail, tars, logger } = this.#deps;
    const tar = tars.tarOf(record.diffId);
    if (tar === undefined) return undefined;
    const input = { blob: content.path(record.digest), tar, tarBytes: record.tarBytes };
    const recipe = await jail.run('findRecipe', input, { signal }).catch((error: unknown) => {
      if (content.has(record.digest)) throw error;
      return undefined; // its image was removed meanwhile
    });
    if (!this.#table.find(record.digest)) return undefined;
    this.#table.setRecipe(record.digest, recipe);
    logger.debug('looked how a blob can be rebuilt', { blob: record.digest, recipe: recipe?.compressor });
    return recipe;
  }

  /** Row first, to stay; then the file. */
  async #drop({ digest, diffId }: LayerBlobRecord): Promise<void> {
    const { db, content, tars, leases } = this.#deps;
    await db.synced();
    if (leases.isHeld(digest)) return this.#workLater();
    if (this.#open.has(digest) || !tars.isKeptAsTar(diffId) || !this.#recipeOf(digest)) return;
    rmSync(content.path(digest), { force: true }); // at once: whoever opens it next sees that it is gone
  }

  #recipeOf(digest: Digest): { readonly record: LayerBlobRecord; readonly tar: TarPlace } | undefined {
    const record = this.#table.find(digest);
    const tar = record?.recipe && this.#deps.tars.tarOf(record.diffId);
    return record && tar !== undefined ? { record, tar } : undefined;
  }

  async #rebuild(digest: Digest, signal: AbortSignal | undefined): Promise<void> {
    const work = (async () => {
      await this.#interrupt();
      await this.#rebuilding.run(digest, stop => this.#rebuildNow(digest, stop), signal ? { signal } : {});
    })();
    this.#rebuilds.add(work); // at once: no further pass begins
    try {
      await work;
    } finally {
      this.#rebuilds.delete(work);
    }
  }

  async #rebuildNow(digest: Digest, signal: AbortSignal): Promise<void> {
    const { content, jail } = this.#deps;
    const found = this.#recipeOf(digest);
    if (!found?.record.recipe) throw new EngineError('notFound', `no such blob: ${digest}`);
    const target = content.freshPath();
    try {
      const { tar, record } = found;
      const input = { recipe: found.record.recipe, tar, tarBytes: record.tarBytes, target };
      const actual = await jail.run('rebuild', input, { signal });
      if (actual !== digest) throw new EngineError('dataLoss', `blob ${digest} was rebuilt as ${actual}`);
      await content.adopt(target, digest);
    } finally {
      await rm(target, { force: true });
    }
  }

  #workLater(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#workNow(), this.#deps.idleMs ?? DEFAULT_IDLE_MS).unref();
  }

  async #workNow(): Promise<void> {
    if (this.#tidying) return this.#workLater();
    await this.tidy().catch((error: unknown) => {
      if (this.#isClosed) return;
      this.#deps.logger.warn('cannot look which blobs can be rebuilt', { error: messageOf(error) });
    });
  }

  async #interrupt(): Promise<void> {
    this.#tidying?.stop.abort();
    await this.#tidying?.done;
  }
}
