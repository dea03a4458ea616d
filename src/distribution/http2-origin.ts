import type { TLSSocket } from 'node:tls';
import { orAborted, throwIfAborted } from '#base/abortable';
import { Http2Connection } from './http2-connection.ts';

export interface Http2OriginDeps {
  /** `https://host:port` */
  readonly origin: string;
  /** A connection whose two ends have agreed on a protocol. */
  readonly connect: (signal: AbortSignal) => Promise<TLSSocket>;
  /** Takes a connection that speaks HTTP/1.1, for the next request. */
  readonly keep: (socket: TLSSocket) => void;
  readonly connectMs: number;
  /** requests at a time */
  readonly most: number;
}

/** One large body alone does not fill a line with losses or a long way: as many connections as that. */
const MOST_CONNECTIONS = 4;
/** A connection with so many requests gets company, if there may be more. */
const CROWDED = 2;

/** The connections to one server, and what they speak: HTTP/2 where the server offers it. */
export class Http2Origin implements Disposable {
  readonly #deps: Http2OriginDeps;
  readonly #over = new AbortController();
  #connections: Http2Connection[] = [];
  #opening: Promise<void> | undefined;
  #speaks: 'unknown' | 'h2' | 'http/1.1' = 'unknown';
  #waiting: (() => void)[] = [];

  constructor(deps: Http2OriginDeps) {
    this.#deps = deps;
  }

  get isBusy(): boolean {
    return this.#opening !== undefined || this.#connections.some(({ streams }) => streams > 0);
  }

  /**
   * Begins a request as soon as there is a connection with room for it; `undefined` when the server speaks HTTP/1.1.
   *
   * @throws what went wrong with the connection, or when the signal fires.
   */
  async begin<T>(signal: AbortSignal, request: (connection: Http2Connection) => T): Promise<T | undefined> {
    for (;;) {
      throwIfAborted(signal);
      if (this.#speaks === 'http/1.1') return undefined;
      this.#connections = this.#connections.filter(({ isUsable }) => isUsable);
      const best = this.#leastBusy();
      const mayOpen = this.#connections.length < MOST_CONNECTIONS && !this.#isFull();
      if (best && (best.streams < CROWDED || !mayOpen)) return request(best);
      if (!mayOpen) {
        await this.#change(signal);
        continue;
      }
      try {
        await this.#another(signal);
      } catch (error) {
        throwIfAborted(signal);
        const other = this.#leastBusy();
        if (!other) throw error;
        return request(other);
      }
    }
  }

  /** From now on HTTP/1.1: the server asked for it. */
  giveUp(): void {
    this.#speaks = 'http/1.1';
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    for (const connection of this.#connections) connection[Symbol.dispose]();
    this.#connections = [];
  }

  #isFull(): boolean {
    return this.#connections.reduce((sum, { streams }) => sum + streams, 0) >= this.#deps.most;
  }

  #leastBusy(): Http2Connection | undefined {
    if (this.#isFull()) return undefined;
    const [best] = this.#connections
      .filter(({ isUsable, hasRoom }) => isUsable && hasRoom)
      .toSorted((one, other) => one.streams - other.streams);
    return best;
  }

  /** One is opened at a time, for everybody who waits: nobody's leaving ends it. */
  async #another(signal: AbortSignal): Promise<void> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    await orAborted(this.#opening, signal);
  }

  async #open(): Promise<void> {
    const { origin, connect, keep, connectMs } = this.#deps;
    const late = AbortSignal.any([this.#over.signal, AbortSignal.timeout(connectMs)]);
    const socket = await connect(late);
    if (socket.alpnProtocol !== 'h2') {
      this.#speaks = 'http/1.1';
      keep(socket);
      return;
    }
    const onLate = (): void =>
      void socket.destroy(new Error('the connection was closed before there was an answer'));
    late.addEventListener('abort', onLate, { once: true });
    try {
      const connection = await Http2Connection.over(socket, origin, () => this.#wake());
      this.#connections.push(connection);
      this.#speaks = 'h2';
    } finally {
      late.removeEventListener('abort', onLate);
    }
  }

  /** Waits until a stream or a connection has ended. */
  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await orAborted(promise, signal);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
