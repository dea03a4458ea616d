import type { Readable } from 'node:stream';
import { ApiError } from './api-error.ts';
import { isObject, type Json, parseJson, textAt } from './json.ts';
import { jsonLines } from './json-lines.ts';
import type { Hijacked, Transport, TransportReply, TransportRequest } from './transport.ts';

/** The newest Engine API this client speaks. */
export const NEWEST_API = '1.55';
/** What an engine speaks that does not say: those are from before API 1.25. */
const OLDEST_API = '1.24';

export type QueryValue = string | number | boolean | undefined | readonly string[];

export interface CallOptions {
  /** Absent values are left out; `true` is `1`; a list repeats the key. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON, or as it is when it is a stream. */
  readonly body?: object | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Calls the Docker Engine API of any engine. Paths are without version: `/containers/json`. The first call is made in our
 * newest version; engines tell theirs with every answer, and an older one gets the call again in its own.
 */
export class ApiClient {
  readonly #transport: Transport;
  /** Settles when the first answer has told which version both sides understand. */
  #version: Promise<string> | undefined;

  constructor(deps: { readonly transport: Transport; readonly apiVersion?: string | undefined }) {
    this.#transport = deps.transport;
    if (deps.apiVersion) this.#version = Promise.resolve(deps.apiVersion);
  }

  get address(): string {
    return this.#transport.address;
  }

  /** The API version in use: ours or the engine's, whichever is older. */
  apiVersion(): Promise<string> {
    this.#version ??= this.#ping();
    return this.#version;
  }

  /**
   * One question, one answer. An empty answer is `null`.
   *
   * @throws {ApiError} for a status of 400 and up. @throws {ConnectionError} when there is no engine.
   */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Json> {
    return parseJson((await this.text(method, path, options)) || 'null');
  }

  /** As {@link call}, but the answer as it came. */
  async text(method: string, path: string, options: CallOptions = {}): Promise<string> {
    return readAll((await this.stream(method, path, options)).body);
  }

  /** The answer as a stream, of which the head has arrived. */
  async stream(method: string, path: string, options: CallOptions = {}): Promise<TransportReply> {
    const send = (version: string): Promise<TransportReply> =>
      this.#transport.request(toRequest(version, method, path, options));
    const canRepeat = !isStream(options.body);
    if (this.#version || !canRepeat) return checked(await send(await this.apiVersion()));
    const first = send(NEWEST_API);
    this.#version = first.then(versionOf);
    this.#version.catch(() => undefined); // the call itself reports it
    const reply = await first;
    const version = await this.#version;
    if (reply.status !== 400 || version === NEWEST_API) return checked(reply);
    await readAll(reply.body);
    return checked(await send(version));
  }

  /** An answer of many JSON values, each given out as it arrives. */
  async *lines(method: string, path: string, options: CallOptions = {}): AsyncGenerator<Json> {
    const { body } = await this.stream(method, path, options);
    yield* jsonLines(body);
  }

  /** Takes the connection over for attach and exec. @throws {ApiError} when the engine refuses. */
  async hijack(path: string, options: CallOptions = {}): Promise<Hijacked> {
    const request = toRequest(await this.apiVersion(), 'POST', path, options);
    const reply = await this.#transport.hijack(request);
    if ('input' in reply) return reply;
    await checked(reply);
    throw new ApiError(reply.status, `${path}: the engine did not hand over the connection`);
  }

  /** Closes what is idle, so that the process can end. */
  close(): void {
    this.#transport.close();
  }

  async #ping(): Promise<string> {
    const reply = await this.#transport.request({ method: 'HEAD', path: '/_ping' });
    await readAll(reply.body);
    return versionOf(reply);
  }
}

/** The version to speak to the engine that answered so. */
function versionOf({ headers }: TransportReply): string {
  const theirs = headers['api-version'];
  return olderOf(NEWEST_API, theirs || OLDEST_API);
}

function toRequest(version: string, method: string, path: string, options: CallOptions): TransportRequest {
  const { body, headers, signal } = options;
  const isJson = body !== undefined && !isStream(body);
  return {
    method,
    path: `/v${version}${path}${queryString(options.query ?? {})}`,
    headers: { ...(isJson ? { 'Content-Type': 'application/json' } : {}), ...headers },
    ...(body ? { body: isStream(body) ? body : JSON.stringify(body) } : {}),
    ...(signal ? { signal } : {}),
  };
}

function isStream(body: object | undefined): body is Readable {
  return body !== undefined && 'pipe' in body;
}

/** The older of two versions like `1.9` and `1.41`. */
export function olderOf(a: string, b: string): string {
  return compareVersions(a, b) <= 0 ? a : b;
}

/** Negative when `a` is older than `b`, 0 when equal, positive when newer. */
export function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

export function queryString(query: Readonly<Record<string, QueryValue>>): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of typeof value === 'object' ? value : [value]) {
      parts.push(
        `${encodeURIComponent(key)}=${encodeURIComponent(one === true ? '1' : one === false ? '0' : one)}`,
      );
    }
  }
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

async function checked(reply: TransportReply): Promise<TransportReply> {
  if (reply.status < 400) return reply;
  throw new ApiError(reply.status, messageIn(await readAll(reply.body), reply.status));
}

function messageIn(body: string, status: number): string {
  const text = body.trim();
  if (text.startsWith('{')) {
    try {
      const parsed = parseJson(text);
      if (isObject(parsed) && textAt(parsed, 'message')) return textAt(parsed, 'message').trim();
    } catch {
      // not JSON after all: shown as it is
    }
  }
  return text || `status ${status}`;
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
