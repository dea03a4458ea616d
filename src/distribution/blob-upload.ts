import { Readable } from 'node:stream';
import { sleep, throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import { type BackOff, delayMs } from './back-off.ts';
import { badAnswer, refused } from './errors.ts';
import type { HttpResponse } from './http-client.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import type { ContentDescriptor, UploadOptions, UploadOutcome } from './repository.ts';

export interface UploadDeps {
  readonly endpoint: RegistryEndpoint;
  readonly backOff: BackOff;
  readonly logger: Logger;
  /** name at the registry */
  readonly repository: string;
}

type Open = (offset: number) => Readable;

interface PatchInput {
  readonly offset: number;
  readonly size: number;
  readonly open: Open;
  readonly onProgress: (sentBytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** What an attempt must bring to count as getting on. */
const PROGRESS_BYTES = 64 * 1024;
/** Other repositories that are asked at most whether they have the blob. */
const MOST_MOUNTS = 5;

/** Sends one blob: mounted from another repository, or in one stream that goes on where it was cut. */
export class BlobUpload {
  readonly #deps: UploadDeps;

  constructor(deps: UploadDeps) {
    this.#deps = deps;
  }

  /** Whether the repository has the blob. @throws {EngineError} */
  async exists(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const response = await this.#send({
      method: 'HEAD',
      target: `/v2/${this.#deps.repository}/blobs/${digest}`,
      signal,
    });
    response.discard();
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw refused(await problemOf(response));
  }

  async run(descriptor: ContentDescriptor, open: Open, options: UploadOptions): Promise<UploadOutcome> {
    const { signal } = options;
    const mountFrom = (options.mountFrom ?? []).slice(0, MOST_MOUNTS);
    if (await this.exists(descriptor.digest, signal)) return { how: 'exists' };
    for (const from of mountFrom) {
      const begun = await this.#begin(descriptor.digest, signal, from);
      if (begun === 'mounted') return { how: 'mounted', from };
      // The session that comes instead of a mount serves as well, but the next repository may have the blob.
      if (from === mountFrom.at(-1))
        return await this.#transfer(descriptor, open, { ...options, place: begun });
      await this.#cancel(begun, signal);
    }
    const place = await this.#begin(descriptor.digest, signal);
    if (place === 'mounted') return { how: 'exists' };
    return await this.#transfer(descriptor, open, { ...options, place });
  }

  /** @returns where to send the blob to. */
  async #begin(digest: Digest, signal: AbortSignal | undefined, from?: string): Promise<URL | 'mounted'> {
    const { repository } = this.#deps;
    const mount = from === undefined ? '' : `?mount=${digest}&from=${encodeURIComponent(from)}`;
    const response = await this.#send({
      method: 'POST',
      target: `/v2/${repository}/blobs/uploads/${mount}`,
      headers: { 'content-length': '0' },
      scopes: from === undefined ? [] : [`repository:${from}:pull`],
      signal,
    });
    if (response.status === 201 && from !== undefined) {
      response.discard();
      return 'mounted';
    }
    if (response.status !== 202) throw refused(await problemOf(response));
    response.discard();
    return this.#place(response);
  }

  async #transfer(
    descriptor: ContentDescriptor,
    open: Open,
    { place: first, signal, onProgress = () => undefined }: UploadOptions & { readonly place: URL },
  ): Promise<UploadOutcome> {
    const { size, digest } = descriptor;
    let place = first;
    let sent = 0;
    for (let failures = 0; sent < size; ) {
      const before = sent;
      try {
        place = await this.#patch(place, { offset: sent, size, open, onProgress, signal });
        sent = size;
      } catch (error) {
        throwIfAborted(signal);
        if (error instanceof EngineError && !mayGoOn(error, failures)) throw error;
        failures += 1;
        const delay = delayMs(this.#deps.backOff, failures);
        if (delay === undefined) throw error;
        await sleep(delay, signal ? { signal } : {});
        // Not before: the registry may still be writing what came before the cut.
        ({ place, sent } = await this.#whereItStands(place, signal));
        if (sent - before >= PROGRESS_BYTES) failures = 1;
        this.#deps.logger.debug('an upload goes on', { blob: digest, sent, delay, error });
      }
    }
    await this.#finish(place, digest, signal);
    onProgress(size);
    return { how: 'uploaded' };
  }

  async #patch(place: URL, input: PatchInput): Promise<URL> {
    const { offset, size, open, signal } = input;
    const range = offset === 0 ? {} : { 'content-range': `${offset}-${size - 1}` };
    const response = await this.#send({
      method: 'PATCH',
      target: place,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(size - offset),
        ...range,
      },
      body: () => Readable.from(counted(open(offset), input), { objectMode: false }),
      attempts: 1,
      signal,
    });
    if (response.status !== 202) throw refused(await problemOf(response));
    response.discard();
    return this.#place(response);
  }

  /** After a cut: how much the registry has. A session that it no longer knows begins anew. */
  async #whereItStands(place: URL, signal: AbortSignal | undefined): Promise<{ place: URL; sent: number }> {
    const response = await this.#send({ method: 'GET', target: place, signal });
    response.discard();
    const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(response.headers['range'] ?? '') ?? [];
    if (response.status === 204 && last !== undefined) {
      const next = response.headers.location === undefined ? place : this.#place(response);
      // `0-0` is nothing at all, or one byte: that one is sent again.
      return { place: next, sent: last === '0' ? 0 : Number(last) + 1 };
    }
    const begun = await this.#begin(NO_DIGEST, signal);
    return { place: begun === 'mounted' ? place : begun, sent: 0 };
  }

  async #finish(place: URL, digest: Digest, signal: AbortSignal | undefined): Promise<void> {
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

  async #cancel(place: URL, signal: AbortSignal | undefined): Promise<void> {
    const response = await this.#send({ method: 'DELETE', target: place, attempts: 1, signal });
    response.discard(); // the registry clears up what nobody goes on with
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
    readonly body?: () => Readable;
    readonly attempts?: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<HttpResponse> {
    const own = `repository:${this.#deps.repository}:pull,push`;
    return await this.#deps.endpoint.send({ ...request, scopes: [own, ...(request.scopes ?? [])] });
  }
}

/**
 * A registry that still writes what came before the cut tells a place that is past by the time we go on there, and then
 * refuses: it is asked again where the upload stands.
 */
function mayGoOn({ kind }: EngineError, failures: number): boolean {
  return kind === 'unavailable' || (failures > 0 && (kind === 'notFound' || kind === 'invalid'));
}

/** For a session that is not about mounting. */
const NO_DIGEST: Digest = 'sha256:';

/** The registry gets as many bytes as were announced, or an error: more would be taken for another request. */
async function* counted(
  source: Readable,
  { offset, size, onProgress }: Pick<PatchInput, 'offset' | 'size' | 'onProgress'>,
): AsyncGenerator<Buffer> {
  let sent = offset;
  for await (const chunk of source) {
    const bytes = chunk as Buffer; // no encoding is set
    sent += bytes.length;
    if (sent > size) break;
    yield bytes;
    onProgress(sent);
  }
  if (sent !== size) {
    throw new EngineError('dataLoss', `a blob to upload has not the ${size} bytes that it should have`);
  }
}
