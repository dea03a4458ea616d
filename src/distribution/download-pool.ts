import type { Abortable } from '#base/abortable';
import { Semaphore } from '#base/semaphore';
import { SingleFlight } from '#base/single-flight';
import { BlobDownload, type BlobDownloadDeps, type BlobSource, type Listener } from './blob-download.ts';
import type { ContentDescriptor } from './repository.ts';

/** Fewer than the connections that one host may have. */
const CONNECTIONS = 12;

/** Downloads of the whole engine: equal ones are one, and so many go at a time. */
export class DownloadPool {
  readonly #deps: BlobDownloadDeps;
  readonly #slots: Semaphore;
  readonly #flights = new SingleFlight<void>();
  /** the download of each flight */
  readonly #current = new Map<string, BlobDownload>();
  /** ends, whether somebody waits or not: a cancelled one has the file open until then */
  readonly #ends = new Map<string, Promise<void>>();

  constructor(deps: Omit<BlobDownloadDeps, 'connections'> & { readonly slots: number }) {
    this.#deps = { ...deps, connections: new Semaphore(CONNECTIONS) };
    this.#slots = new Semaphore(deps.slots);
  }

  /** Downloads a blob, or listens to a download under way; it is cancelled when its last listener leaves. */
  async run(
    descriptor: ContentDescriptor,
    sources: readonly BlobSource[],
    listener: Listener,
    options: Abortable = {},
  ): Promise<void> {
    const key = keyOf(descriptor);
    const flight = this.#flights.run(
      key,
      signal => {
        const download = new BlobDownload(descriptor, this.#deps);
        this.#current.set(key, download); // synchronously: it is there below
        return this.#launch(key, download, sources, signal);
      },
      options,
    );
    const listening = this.#current.get(key)?.listen(listener);
    try {
      await flight;
    } finally {
      listening?.[Symbol.dispose]();
    }
  }

  /** Whether something may still be written for that digest. */
  isBusy(hex: string): boolean {
    return [...this.#ends.keys()].some(key => key.startsWith(`sha256:${hex} `));
  }

  /** Waits until nothing is written any more, cancelled downloads too. */
  async settled(): Promise<void> {
    while (this.#ends.size > 0) await Promise.all(this.#ends.values());
  }

  async #launch(
    key: string,
    download: BlobDownload,
    sources: readonly BlobSource[],
    signal: AbortSignal,
  ): Promise<void> {
    const before = this.#ends.get(key);
    const work = (async () => {
      await before;
      await this.#slots.run(() => download.run(sources, signal), { signal });
    })();
    const end = work.catch(() => undefined); // whoever waits has the error from the flight
    this.#ends.set(key, end);
    try {
      await work;
    } finally {
      if (this.#ends.get(key) === end) this.#ends.delete(key);
      if (this.#current.get(key) === download) this.#current.delete(key);
    }
  }
}

function keyOf({ digest, size }: ContentDescriptor): string {
  return `${digest} ${size}`;
}
