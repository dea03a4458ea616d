import type { Abortable } from '#base/abortable';
import { isKind } from '#base/errors';
import { KeyedSemaphore } from '#base/keyed-semaphore';
import { SingleFlight } from '#base/single-flight';
import { BlobDownload, type BlobDownloadDeps, type BlobSource, type Listener } from './blob-download.ts';
import type { ContentDescriptor } from './repository.ts';

/** To one host, and fewer than the connections that one may have. */
const CONNECTIONS = 12;
/** So many registries at a time before they hold each other up, in either direction. */
const REGISTRIES = 8;

/**
 * Downloads of the whole engine. Equal ones from the same registry are one. What comes from another has a download and places of its
 * own, so that a registry that stalls, or sends something else, is the trouble of those alone who want something from it.
 */
export class DownloadPool {
  readonly #deps: BlobDownloadDeps;
  readonly #slots: KeyedSemaphore;
  readonly #flights = new SingleFlight<void>();
  /** the download of each flight */
  readonly #current = new Map<string, BlobDownload>();
  /** ends, whether somebody waits or not: a cancelled one has the file open until then */
  readonly #ends = new Map<string, Promise<void>>();

  /** @param deps.slots blobs at a time from one registry */
  constructor(deps: Omit<BlobDownloadDeps, 'connections'> & { readonly slots: number }) {
    this.#deps = { ...deps, connections: placesAt(CONNECTIONS) };
    this.#slots = placesAt(deps.slots);
  }

  /**
   * Downloads a blob, or listens to a download under way; it is cancelled when its last listener leaves. When somebody else's fails, for
   * he may have asked for less or as somebody else, this one goes on with its own.
   */
  async run(
    descriptor: ContentDescriptor,
    sources: readonly BlobSource[],
    listener: Listener,
    options: Abortable = {},
  ): Promise<void> {
    const route = routeOf(sources);
    const key = `${descriptor.digest} ${descriptor.size} ${route}`;
    for (;;) {
      let isMine = false;
      const flight = this.#flights.run(
        key,
        signal => {
          isMine = true;
          const download = new BlobDownload(descriptor, route, this.#deps);
          this.#current.set(key, download); // synchronously: it is there below
          return this.#launch({ key, route, download, sources, signal });
        },
        options,
      );
      const listening = this.#current.get(key)?.listen(listener);
      try {
        return await flight;
      } catch (error) {
        // What it said before is void when the content was wrong.
        if (isMine || options.signal?.aborted || isKind(error, 'dataLoss')) throw error;
      } finally {
        listening?.[Symbol.dispose]();
      }
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

  async #launch({ key, route, download, sources, signal }: Launch): Promise<void> {
    const before = this.#ends.get(key);
    const work = (async () => {
      await before;
      await this.#slots.run(route, () => download.run(sources, signal), { signal });
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

interface Launch {
  readonly key: string;
  readonly route: string;
  readonly download: BlobDownload;
  readonly sources: readonly BlobSource[];
  readonly signal: AbortSignal;
}

function routeOf(sources: readonly BlobSource[]): string {
  return sources.map(({ endpoint }) => endpoint.source.host).join();
}

/** So many at a time with each registry, and together what {@link REGISTRIES} of them have. */
export function placesAt(perRegistry: number): KeyedSemaphore {
  return new KeyedSemaphore({ perKey: perRegistry, overall: perRegistry * REGISTRIES });
}
