import type { Duplex } from 'node:stream';
import type { Abortable } from '#base/abortable';

export type ReplyHeaders = Readonly<Record<string, string>>;

/** A whole answer. */
export interface BytesReply {
  readonly type: 'bytes';
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body: string | Buffer;
}

/** An answer whose head is sent at once and whose body comes as it comes. */
export interface StreamReply {
  readonly type: 'stream';
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly chunks: AsyncIterable<Uint8Array | string>;
}

/**
 * The connection becomes a stream of bytes in both directions: after 101 for a client that asked for an upgrade,
 * after 200 for one that did not.
 */
export interface TakeoverReply {
  readonly type: 'takeover';
  readonly upgradedHeaders: ReplyHeaders;
  readonly plainHeaders: ReplyHeaders;
  /** Runs once the head is sent; the connection is closed when it resolves. `end` on the connection is the client's half close. */
  readonly run: (connection: Duplex, options: Required<Abortable>) => Promise<void>;
}

/** The same over RFC 6455: binary messages out, data messages in. */
export interface WebSocketReply {
  readonly type: 'web-socket';
  readonly run: (connection: Duplex, options: Required<Abortable>) => Promise<void>;
}

export type Reply = BytesReply | StreamReply | TakeoverReply | WebSocketReply;

const JSON_HEADERS: ReplyHeaders = { 'Content-Type': 'application/json' };

export const reply = {
  json: (body: unknown, status = 200): BytesReply => ({
    type: 'bytes',
    status,
    headers: JSON_HEADERS,
    body: `${JSON.stringify(body)}\n`,
  }),
  /** A list whose elements are JSON already. */
  jsonList: (elements: readonly string[]): BytesReply => ({
    type: 'bytes',
    status: 200,
    headers: JSON_HEADERS,
    body: `[${elements.join(',')}]\n`,
  }),
  created: (body: unknown): BytesReply => reply.json(body, 201),
  empty: (status = 200): BytesReply => ({ type: 'bytes', status, headers: {}, body: '' }),
  noContent: (): BytesReply => reply.empty(204),
  text: (body: string, headers: ReplyHeaders = {}): BytesReply => ({
    type: 'bytes',
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers },
    body,
  }),
  stream: (contentType: string, chunks: AsyncIterable<Uint8Array | string>): StreamReply => ({
    type: 'stream',
    status: 200,
    headers: { 'Content-Type': contentType },
    chunks,
  }),
};
