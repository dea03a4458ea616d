import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import type { Leases } from '#store/leases';
import type { BlobTable } from './blob-table.ts';
import type { ReachFault } from './registry-faults.ts';
import type { Limits } from './registry-options.ts';
import type { Uploads } from './uploads.ts';

export interface CollectorDeps {
  readonly db: Database;
  readonly content: ContentStore;
  readonly blobs: BlobTable;
  readonly uploads: Uploads;
  readonly leases: Leases;
  readonly limits: Pick<Limits, 'graceMs' | 'uploadAgeMs' | 'collectEveryMs'>;
  readonly logger: Logger;
  readonly reach: ReachFault;
  readonly now: () => number;
}

/** What a collection took away. */
export interface Collected {
  readonly uploads: number;
  readonly blobs: number;
  readonly sizeBytes: number;
}

/** of a step; requests come between two */
const STEP = 50;

/**
 * Takes away what nobody needs, while requests go on: uploads that nobody goes on with, and blobs that no manifest has referred
 * to for the time of grace. Row, then disk: what a crash leaves is swept at the next start.
 */
export class Collector implements AsyncDisposable {
  readonly #deps: CollectorDeps;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<Collected> | undefined;
  #isClosed = false;

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => void this.#onTime(), deps.limits.collectEveryMs).unref();
  }

  /** One at a time: who asks during one is told of that. */
  async collect(): Promise<Collected> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#running?.catch(() => undefined); // told to whoever asked for it
  }

  async #onTime(): Promise<void> {
    const { logger } = this.#deps;
    try {
      const collected = await this.collect();
      if (collected.uploads + collected.blobs > 0) logger.info('collected garbage', { ...collected });
    } catch (error) {
      logger.error('garbage could not be collected', { error });
    }
  }

  async #collect(): Promise<Collected> {
    const { db, blobs, uploads, limits, now } = this.#deps;
    let dropped = 0;
    for await (const count of this.#steps(() => uploads.collect(now() - limits.uploadAgeMs, STEP))) {
      dropped += count;
    }
    const before = now() - limits.graceMs;
    for await (const _ of this.#steps(() => db.transaction(() => blobs.unlinkUnused(before, STEP))));
    return { uploads: dropped, ...(await this.#removeGarbage()) };
  }

  async #removeGarbage(): Promise<Omit<Collected, 'uploads'>> {
    let [count, sizeBytes, last] = [0, 0, ''];
    const step = async (): Promise<number> => {
      const garbage = this.#deps.blobs.garbageAfter(last, STEP);
      for (const freed of await Promise.all(garbage.map(digest => this.#remove(digest)))) {
        if (freed === undefined) continue;
        count += 1;
        sizeBytes += freed;
      }
      last = garbage.at(-1) ?? last;
      return garbage.length;
    };
    for await (const _ of this.#steps(step));
    return { blobs: count, sizeBytes };
  }

  /** @returns bytes, or nothing when somebody has it. */
  async #remove(digest: Digest): Promise<number | undefined> {
    const { db, content, blobs, leases, reach } = this.#deps;
    if (leases.isHeld(digest)) return undefined; // its row comes; it stays garbage until the next time
    const sizeBytes = blobs.sizeOf(digest) ?? 0;
    if (!db.transaction(() => blobs.deleteOrphan(digest))) return undefined;
    reach('collect.1-row');
    await content.remove(digest); // gone in this very turn: whoever pushes it now makes a new file
    reach('collect.2-file');
    return sizeBytes;
  }

  async *#steps(step: () => number | Promise<number>): AsyncGenerator<number> {
    while (!this.#isClosed) {
      const count = await step();
      if (count > 0) yield count;
      if (count < STEP) return;
      await new Promise(resolve => setImmediate(resolve));
    }
  }
}
