import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A program of an engine that was killed may write there for a moment more. */
const SWEEP = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const;

/** Folders of things that are fetched, below one that belongs to this object alone: what an earlier engine has left there is removed. */
export class FetchFolder {
  readonly #path: string;
  readonly #swept: Promise<unknown>;

  constructor(path: string) {
    this.#path = path;
    // What cannot be removed now is in nobody's way, and the next start tries again.
    this.#swept = rm(path, SWEEP).catch(() => undefined);
  }

  get path(): string {
    return this.#path;
  }

  /** A new one, gone with `owner`. */
  async make(prefix: string, owner: AsyncDisposableStack): Promise<string> {
    await this.#swept;
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(this.#path, prefix));
    owner.defer(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }
}
