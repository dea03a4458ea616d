import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import type { Name } from './mesh-state.ts';

const RETRY_MS = 200;

const Listed = v.array(v.object({ Id: v.string() }));
const Inspected = v.object({
  Name: v.string(),
  NetworkSettings: v.object({
    Networks: v.record(
      v.string(),
      v.object({
        EndpointID: v.string(),
        IPAddress: v.string(),
        DNSNames: v.nullish(v.array(v.string())),
      }),
    ),
  }),
});

/**
 * Names of the containers that the engine runs, by its own API: Docker's protocol for network drivers tells addresses, but no names. Looks
 * again after everything that happens; while the engine is away, what was known stays.
 */
export class NameWatch implements Disposable {
  readonly #socket: string;
  readonly #onNames: (names: readonly (Name & { readonly endpoint: string })[]) => void;
  readonly #ended = new AbortController();
  #look: Promise<void> = Promise.resolve();
  #isLookDue = false;

  constructor(socket: string, onNames: (names: readonly (Name & { readonly endpoint: string })[]) => void) {
    this.#socket = socket;
    this.#onNames = onNames;
    void this.#watch();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  /** Until disposed; begins again when the engine ends. */
  async #watch(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        const filters = encodeURIComponent('{"type":["network","container"]}');
        const events = await this.#get(`/events?filters=${filters}`);
        this.#lookAgain();
        for await (const _event of events) this.#lookAgain();
      } catch {
        // it is not there, or no more
      }
      await new Promise(resolve => setTimeout(resolve, RETRY_MS));
    }
  }

  /** One look at a time, and one more for all that happened during it. */
  #lookAgain(): void {
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    this.#look = this.#look
      .then(async () => {
        this.#isLookDue = false;
        this.#onNames(await this.#names());
      })
      .catch(() => undefined);
  }

  async #names(): Promise<(Name & { endpoint: string })[]> {
    const listed = v.parse(Listed, JSON.parse(await text(await this.#get('/containers/json'))));
    const names: (Name & { endpoint: string })[] = [];
    for (const { Id } of listed) {
      const inspected = v.safeParse(
        Inspected,
        JSON.parse(await text(await this.#get(`/containers/${Id}/json`))),
      );
      if (!inspected.success) continue; // gone meanwhile
      const { Name, NetworkSettings } = inspected.output;
      for (const { EndpointID, IPAddress, DNSNames } of Object.values(NetworkSettings.Networks)) {
        for (const name of new Set([Name.slice(1), ...(DNSNames ?? [])])) {
          names.push({ name, ip: IPAddress, endpoint: EndpointID });
        }
      }
    }
    return names;
  }

  async #get(path: string) {
    const { promise, resolve, reject } = Promise.withResolvers<
      AsyncIterable<Buffer> & NodeJS.ReadableStream
    >();
    const asked = request({ socketPath: this.#socket, path, signal: this.#ended.signal }, resolve);
    asked.on('error', reject);
    asked.end();
    return promise;
  }
}
