import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Looks again after this time even if nothing was reported. */
const SAFETY_MS = 1000;
/** The same where the host has no watches left (fs.inotify.max_user_watches). */
const POLL_MS = 200;

/** Tells when a log, or the files it is rotated to, may have changed. */
export class ChangeWatcher implements Disposable {
  readonly #watcher: FSWatcher | undefined;
  #hasChanged = false;
  #wake: () => void = () => undefined;

  constructor(path: string) {
    this.#watcher = this.#tryWatch(path);
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  /** Ends a wait, now or the next one. */
  notify(): void {
    this.#hasChanged = true;
    this.#wake();
  }

  /** Resolves when something has changed since the last call, or after a while. */
  async wait(maxMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.#hasChanged) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const timer = setTimeout(woken.resolve, Math.min(maxMs, this.#watcher ? SAFETY_MS : POLL_MS));
      await woken.promise;
      clearTimeout(timer);
      this.#wake = () => undefined;
    }
    this.#hasChanged = false;
  }

  #tryWatch(path: string): FSWatcher | undefined {
    const prefix = basename(path);
    try {
      const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
        if (name === null || name.startsWith(prefix)) this.notify();
      });
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return undefined;
    }
  }
}
