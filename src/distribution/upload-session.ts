import type { Readable } from 'node:stream';
import { sleep, throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import { type BackOff, delayMs } from './back-off.ts';
import { badAnswer, refused } from './errors.ts';
import type { HttpResponse } from './http-message.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';

export interface UploadDeps {
  readonly endpoint: RegistryEndpoint;
  readonly backOff: BackOff;
  readonly logger: Logger;
  /** name at the registry */
  readonly repository: string;
}

/** Some of a blob, and where in it that belongs. */
export interface UploadPart {
  readonly offset: number;
  readonly length: number;
  readonly body: () => Buffer | Readable;
  /** whether the registry is told the place: it need not be where all of the blob comes in one part */
  readonly isPlaced: boolean;
}

/** The requests of an upload by the OCI distribution specification; where the next one goes is the registry's to say. */
export class UploadSession {
  readonly #deps: UploadDeps;

  constructor(deps: UploadDeps) {
    this.#deps = deps;
  }

  /** @returns where to send the blob to. @throws {EngineError} what the registry says. */
  async begin(signal: AbortSignal | undefined): Promise<URL> {
    const response = await this.#post('', [], signal);
    if (response.status !== 202) throw refused(await problemOf(response));
    response.discard();
    return this.#place(response);
  }

  /** Asks for a blob of another repository of the registry. */
  async mount(digest: Digest, from: string, signal: AbortSignal | undefined): Promise<URL | 'mounted'> {
    const query = `?mount=${digest}&from=${encodeURIComponent(from)}`;
    const response = await this.#post(query, [`repository:${from}:pull`], signal);
    if (response.status === 201) {
      response.discard();
      return 'mounted';
    }
    if (response.status !== 202) throw refused(await problemOf(response));
    response.discard();
    return this.#place(response);
  }

  /** One attempt. @returns where the next part goes. */
  async patch(
    place: URL,
    { offset, length, body, isPlaced }: UploadPart,
    signal: AbortSignal | undefined,
  ): Promise<URL> {
    const response = await this.#send({
      method: 'PATCH',
      target: place,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(length),
        ...(isPlaced ? { 'content-range': `${offset}-${offset + length - 1}` } : {}),
      },
      body,
      attempts: 1,
      signal,
    });
    if (response.status !== 202) throw refused(await problemOf(response));
    response.discard();
    return this.#place(response);
  }

  /**
   * Waits after an attempt that failed, as long as it takes until it is worth going on.
   *
   * @param failures with this one
   * @returns milliseconds. @throws the error itself when it is not worth it.
   */
  async pause(error: unknown, failures: number, signal: AbortSignal | undefined): Promise<number> {
    throwIfAborted(signal);
    if (error instanceof EngineError && !mayGoOn(error, failures)) throw error;
    const delay = delayMs(this.#deps.backOff, failures);
    if (delay === undefined) throw error;
    await sleep(delay, signal ? { signal } : {});
    return delay;
  }

  /** After a cut: how much the registry has; `undefined` when it does not know the upload any more. */
  async standing(
    place: URL,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly place: URL; readonly receivedBytes: number } | undefined> {
    const response = await this.#send({ method: 'GET', target: place, signal });
    response.discard();
    const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(response.headers['range'] ?? '') ?? [];
    if (response.status !== 204 || last === undefined) return undefined;
    const next = response.headers.location === undefined ? place : this.#place(response);
    // `0-0` is nothing at all, or one byte: that one is sent again.
    return { place: next, receivedBytes: last === '0' ? 0 : Number(last) + 1 };
  }

  async finish(place: URL, digest: Digest, signal: AbortSignal | undefined): Promise<void> {
    const target = new URL(place);
    target.searchParams.set('digest', digest);
    const response = await this.#send({
      method: 'PUT',
      target,
      headers: { 'content-length': '0', 'content-type': 'application/octet-stream' },
      signal,
    });
    if (response.status !== 201) throw refused(await problemOf(response));
    response.discard();
  }

  async cancel(place: URL, signal: AbortSignal | undefined): Promise<void> {
    const response = await this.#send({ method: 'DELETE', target: place, attempts: 1, signal });
    response.discard(); // the registry clears up what nobody goes on with
  }

  async #post(
    query: string,
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    return await this.#send({
      method: 'POST',
      target: `/v2/${this.#deps.repository}/blobs/uploads/${query}`,
      headers: { 'content-length': '0' },
      scopes,
      signal,
    });
  }

  /** Where the registry wants the next request. Elsewhere it comes without credentials, and never by less than TLS. */
  #place({ headers: { location }, url }: HttpResponse): URL {
    const { host } = this.#deps.endpoint.source;
    if (location === undefined || !URL.canParse(location, url.href)) {
      throw badAnswer(host, 'it does not say where an upload goes on');
    }
    const place = new URL(location, url);
    // Behind a proxy a registry may believe that it is reached without TLS.
    if (url.protocol === 'https:' && place.host === url.host) place.protocol = 'https:';
    if (place.protocol !== 'https:' && place.protocol !== url.protocol) {
      throw badAnswer(host, `an upload is to go on by ${place.protocol}//${place.host}`);
    }
    if (place.username !== '' || place.password !== '') {
      throw badAnswer(host, 'the place where an upload goes on holds credentials');
    }
    return place;
  }

  async #send(request: {
    readonly method: string;
    readonly target: string | URL;
    readonly headers?: Readonly<Record<string, string>>;
    readonly scopes?: readonly string[];
    readonly body?: () => Buffer | Readable;
    readonly attempts?: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<HttpResponse> {
    const own = `repository:${this.#deps.repository}:pull,push`;
    return await this.#deps.endpoint.send({ ...request, scopes: [own, ...(request.scopes ?? [])] });
  }
}

/**
 * Whether an upload that failed is worth going on with. A registry that still writes what came before the cut tells a place
 * that is past by the time we go on there, and then refuses: it is asked again where the upload stands.
 */
function mayGoOn({ kind }: EngineError, failures: number): boolean {
  return kind === 'unavailable' || (failures > 1 && (kind === 'notFound' || kind === 'invalid'));
}
