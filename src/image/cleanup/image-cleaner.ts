import { statfs } from 'node:fs/promises';
import { uptime } from 'node:os';
import type { Abortable } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { Image } from '../image.ts';
import { type CleanupItem, type CleanupPolicy, planCleanup, removable } from './cleanup-plan.ts';
import { SteadyClock } from './steady-clock.ts';

export interface ImageCleanerDeps {
  readonly policy: CleanupPolicy;
  readonly list: () => readonly Image[];
  readonly isUsed: (image: Image) => boolean;
  readonly remove: (reference: string, options: Abortable) => Promise<unknown>;
  /** a folder on the file system with the images */
  readonly root: string;
  readonly events: EventSink;
  readonly logger: Logger;
}

export interface CleanupReport {
  readonly items: readonly CleanupItem[];
  readonly freedBytes: number;
}

export interface CleanupOptions extends Abortable {
  /** only say what would go */
  readonly isDry?: boolean;
}

const FIRST_MS = 10 * 60 * 1000;
const EVERY_MS = 3600 * 1000;

/** Removes images by the policy: once an hour, and when somebody asks. */
export class ImageCleaner implements Disposable {
  readonly #deps: ImageCleanerDeps;
  readonly #clock = new SteadyClock({ wallMs: Date.now, upMs: () => uptime() * 1000 });
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ImageCleanerDeps) {
    this.#deps = deps;
  }

  /** From now on. */
  start(): void {
    this.#timer = setTimeout(() => void this.#tick(), FIRST_MS).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async run({ isDry = false, signal }: CleanupOptions = {}): Promise<CleanupReport> {
    const { policy, list, isUsed, root } = this.#deps;
    const { blocks, bfree, bsize } = await statfs(root);
    const disk = { totalBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize };
    const plan = planCleanup(list(), policy, { now: this.#clock.now(), isUsed, disk });
    const items = isDry ? plan : await this.#remove(plan, signal);
    const freedBytes = items.reduce((sum, item) => sum + item.freedBytes, 0);
    if (!isDry && items.length > 0) this.#announce(items, freedBytes);
    return { items, freedBytes };
  }

  async #remove(plan: readonly CleanupItem[], signal: AbortSignal | undefined): Promise<CleanupItem[]> {
    const gone: CleanupItem[] = [];
    for (const item of plan) if (await this.#removeOne(item.image, signal)) gone.push(item);
    return gone;
  }

  /**
   * By each of its names, without force. What came into use, or under another image's name, since the plan was made stays: nothing
   * happens between the look and the removal.
   *
   * @returns whether it is gone.
   */
  async #removeOne({ id, repoTags }: Image, signal: AbortSignal | undefined): Promise<boolean> {
    const { policy, list, isUsed, remove } = this.#deps;
    for (let attempts = repoTags.length + 1; ; attempts -= 1) {
      const images = list();
      if (!images.some(image => image.id === id)) return true; // with another one of its name
      const facts = { now: this.#clock.now(), isUsed };
      const found = removable(images, policy, facts).find(({ image }) => image.id === id);
      if (!found || attempts === 0) return false;
      try {
        await remove(found.image.repoTags[0] ?? id, signal ? { signal } : {});
      } catch (error) {
        if (isKind(error, 'conflict', 'notFound')) return false;
        throw error;
      }
    }
  }

  #announce(items: readonly CleanupItem[], freedBytes: number): void {
    const { events, logger } = this.#deps;
    const images = items.map(({ image }) => image.repoTags[0] ?? image.id).join(',');
    const attributes = { images, reclaimed: String(freedBytes) };
    events.emit({ type: 'image', action: 'cleanup', actor: { id: '', attributes } });
    logger.info('removed images by policy', { images: items.length, freedBytes });
  }

  async #tick(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      this.#deps.logger.warn('cannot remove images by policy', { error: messageOf(error) });
    }
    // Unless it was disposed meanwhile.
    if (this.#timer) this.#timer = setTimeout(() => void this.#tick(), EVERY_MS).unref();
  }
}
