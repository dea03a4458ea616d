import type { Readable, Writable } from 'node:stream';

export interface TransportRequest {
  readonly method: string;
  /** path and query, percent-encoded */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string goes with its length; a stream is sent in chunks. */
  readonly body?: string | Readable;
  readonly signal?: AbortSignal;
}

export interface TransportReply {
  readonly status: number;
  /** by lower-case name; those that came twice are joined by `, ` */
  readonly headers: Readonly<Record<string, string>>;
  /** To be read to its end, or left by `break`: then its connection is dropped. The reader may change the bytes. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A connection that left HTTP: bytes in both directions. Ending `input` is the half-close that means end of stdin. */
export interface Hijacked {
  readonly status: number;
  readonly headers: TransportReply['headers'];
  readonly input: Writable;
  readonly output: AsyncIterable<Uint8Array>;
  /** Drops the connection at once. */
  close(): void;
}

/** How an {@link ApiClient} reaches an engine. */
export interface Transport {
  /** For messages: `unix:///run/quai.sock`, `tcp://host:2376`. */
  readonly address: string;
  /** @throws {ConnectionError} when there is no answer; any status is an answer. */
  request(request: TransportRequest): Promise<TransportReply>;
  /** Asks for the connection itself. Resolves to a plain reply when the engine refuses (status 400 and up). */
  hijack(request: TransportRequest): Promise<Hijacked | TransportReply>;
  /** Closes idle connections. Those in use end by themselves. */
  close(): void;
}
