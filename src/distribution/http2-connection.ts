import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { type AddressClass, classOf } from '#sys/address-guard';
import { IDLE_MS } from './http-message.ts';

/** What a server may send of one body before we have read it. More would be kept in memory, less would wait for far-away servers. */
const STREAM_WINDOW = 2 * 1024 * 1024;
/** The same for all bodies of a connection: it shall not be what they wait for. */
const CONNECTION_WINDOW = 64 * 1024 * 1024;

/** One connection that speaks HTTP/2. It is over when the server says so, when it breaks, or when {@link retire} was called. */
export class Http2Connection implements Disposable {
  readonly address: AddressClass;
  readonly #session: ClientHttp2Session;
  readonly #onChange: () => void;
  #streams = 0;
  #isRetired = false;

  private constructor(session: ClientHttp2Session, address: AddressClass, onChange: () => void) {
    this.#session = session;
    this.address = address;
    this.#onChange = onChange;
    session.on('error', () => undefined); // told to whoever has a stream
    session.once('goaway', () => this.retire());
    session.once('close', onChange);
    session.setTimeout(IDLE_MS, () => {
      if (this.#streams === 0) this.retire();
    });
    session.unref();
  }

  /**
   * Over a connection that agreed on HTTP/2; resolves when the server has shown that it means it.
   *
   * @param onChange called when a stream has ended, or the connection
   */
  static async over(socket: TLSSocket, origin: string, onChange: () => void): Promise<Http2Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const session = connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    });
    session.once('error', reject);
    session.once('close', () => reject(new Error('the connection was closed before there was an answer')));
    session.once('remoteSettings', () => resolve());
    try {
      await promise;
    } catch (error) {
      session.destroy();
      throw error;
    }
    session.setLocalWindowSize(CONNECTION_WINDOW);
    return new Http2Connection(session, classOf(socket.remoteAddress ?? ''), onChange);
  }

  get isUsable(): boolean {
    return !this.#isRetired && !this.#session.closed && !this.#session.destroyed;
  }

  get streams(): number {
    return this.#streams;
  }

  /** Whether the server takes another request now. */
  get hasRoom(): boolean {
    return this.#streams < (this.#session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY);
  }

  /** @throws when the connection is over. */
  request(headers: OutgoingHttpHeaders, { hasBody }: { readonly hasBody: boolean }): ClientHttp2Stream {
    const stream = this.#session.request(headers, { endStream: !hasBody });
    this.#streams += 1;
    if (this.#streams === 1) this.#session.ref();
    stream.once('close', () => {
      this.#streams -= 1;
      if (this.#streams === 0) this.#session.unref();
      if (this.#streams === 0 && this.#isRetired) this.#session.destroy();
      this.#onChange();
    });
    return stream;
  }

  /** No more requests: those under way end as they end. For a server that goes, or does not answer. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#streams === 0) this.#session.destroy();
    this.#onChange();
  }

  [Symbol.dispose](): void {
    this.#isRetired = true;
    this.#session.destroy();
  }
}
