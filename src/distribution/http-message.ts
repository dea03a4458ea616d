import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { AddressClass } from '#sys/address-guard';
import type { TlsSettings } from './tls-settings.ts';

export interface HttpLimits {
  /** name look-up, TCP and TLS */
  readonly connectMs: number;
  /** from the request, sent whole, to the head of the answer */
  readonly headersMs: number;
  /** without a byte in a body, in either direction */
  readonly stallMs: number;
  /** connections to one host; more than {@link file://./registry-client.ts} downloads with at a time, which may take long */
  readonly socketsPerHost: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  connectMs: 30_000,
  headersMs: 60_000,
  stallMs: 30_000,
  socketsPerHost: 24,
};

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  readonly tls: TlsSettings;
  /** where the server is that named this URL; absent: the user or the configuration did */
  readonly namedBy?: AddressClass | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  /** where the server is; `public` behind a proxy */
  readonly address: AddressClass;
  /** @throws when no byte comes for too long, or when the connection ends before the body does. */
  body(): AsyncGenerator<Buffer>;
  /** Ends reading; the connection is kept where little is left. Twice is harmless. */
  discard(): void;
}

/** A wait for the server was too long. */
export class HttpTimeoutError extends Error {
  readonly code = 'QUAI_HTTP_TIMEOUT';
}

/** A connection that nobody uses is closed after this time. */
export const IDLE_MS = 15_000;

/** More than this is not read to keep a connection. */
export const DISCARD_BYTES = 64 * 1024;

/** The whole of a small body. @throws {RangeError} when there is more than `maxBytes`: nothing of it is kept. */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body()) {
    size += chunk.length;
    if (size > maxBytes) throw new BodyTooLargeError(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export class BodyTooLargeError extends Error {}
