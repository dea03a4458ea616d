import type { Readable } from 'node:stream';
import { type Abortable, throwIfAborted } from '#base/abortable';
import { EngineError, isKind, orNone } from '#base/errors';
import { type Digest, digestOf, isDigest } from '#base/ids';
import type { KeyedMutex } from '#base/keyed-mutex';
import type { KeyedSemaphore } from '#base/keyed-semaphore';
import type { Logger } from '#base/logger';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { Reference } from '#spec/reference';
import type { BackOff } from './back-off.ts';
import type { BlobSource } from './blob-download.ts';
import { BlobUpload } from './blob-upload.ts';
import type { DownloadPool } from './download-pool.ts';
import { badAnswer, blobRefused, refused, wrongDigest, wrongSize } from './errors.ts';
import { BodyTooLargeError, type HttpResponse } from './http-message.ts';
import { getManifest, headManifest, type ManifestRequest } from './manifest-request.ts';
import { ManifestUpload, type NewManifest } from './manifest-upload.ts';
import { provenBytes } from './proven-bytes.ts';
import type { RateLimit } from './rate-limit.ts';
import { listReferrers } from './referrer-list.ts';
import { type NewReferrer, referrerOf, referrerTag, withReferrer } from './referrer-tag.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import type {
  ContentDescriptor,
  DownloadOptions,
  DownloadTarget,
  FetchedManifest,
  ManifestName,
  Referrer,
  ReferrersOptions,
  Repository,
  StreamedBlob,
  UploadOptions,
  UploadOutcome,
} from './repository.ts';
import { StreamUpload } from './stream-upload.ts';
import { tagPages } from './tag-pages.ts';
import { transportError } from './transport-error.ts';
import type { UploadDeps } from './upload-session.ts';

export interface RepositoryDeps {
  /** mirrors in their order, the registry itself last */
  readonly endpoints: readonly RegistryEndpoint[];
  readonly reference: Reference;
  readonly downloads: DownloadPool;
  readonly uploads: KeyedSemaphore;
  /** of blobs that are uploaded, by place and digest */
  readonly uploadLocks: KeyedMutex;
  /** of lists of referrers that are changed by reading and writing them */
  readonly referrerLocks: KeyedMutex;
  readonly backOff: BackOff;
  readonly logger: Logger;
}

/** A configuration is a few kilobytes. */
export const MAX_BLOB_BYTES = 8 * 1024 * 1024;

/** A repository over HTTP, by the OCI distribution specification. */
export class RegistryRepository implements Repository {
  readonly #deps: RepositoryDeps;

  constructor(deps: RepositoryDeps) {
    this.#deps = deps;
  }

  get rateLimit(): RateLimit | undefined {
    return this.#deps.endpoints.map(endpoint => endpoint.rateLimit).findLast(Boolean);
  }

  async resolve(name: ManifestName, { signal }: Abortable = {}): Promise<ContentDescriptor> {
    return await this.#read(name, signal, async request => {
      // What HEAD does not tell is asked for as a whole: then there is also a reason, if it is refused.
      return (await headManifest(request)) ?? (await getManifest(request)).descriptor;
    });
  }

  async manifest(name: ManifestName, { signal }: Abortable = {}): Promise<FetchedManifest> {
    return await this.#read(name, signal, getManifest);
  }

  async blob({ digest, size }: ContentDescriptor, { signal }: Abortable = {}): Promise<Buffer> {
    if (size > MAX_BLOB_BYTES) {
      throw new EngineError('invalid', `blob ${digest} is larger than ${MAX_BLOB_BYTES} bytes`);
    }
    return await this.#fromAny(this.#deps.endpoints, signal, async endpoint => {
      const target = `${pathOf(endpoint)}/blobs/${digest}`;
      const answer = endpoint.read({ method: 'GET', target, scopes: pullOf(endpoint), signal }, size);
      const { response, bytes } = await answer.catch((error: unknown) => {
        throw error instanceof BodyTooLargeError ? wrongSize(`blob ${digest}`, size, 'more') : error;
      });
      if (!bytes) throw blobRefused(await problemOf(response), digest);
      if (bytes.length !== size) throw wrongSize(`blob ${digest}`, size, String(bytes.length));
      const actual = digestOf(bytes);
      if (actual !== digest) throw wrongDigest(`blob ${digest}`, digest, actual);
      return bytes;
    });
  }

  /**
   * The bytes of a blob from `offset` on, as many as there should be. Not hashed: for passing on to somebody who does.
   *
   * @throws {EngineError} `unavailable` when it is cut, `dataLoss`.
   */
  async *stream(
    { digest, size }: ContentDescriptor,
    offset: number,
    { signal }: Abortable = {},
  ): AsyncGenerator<Buffer> {
    const response = await this.#fromAny(this.#deps.endpoints, signal, async endpoint => {
      const answer = await endpoint.send({
        method: 'GET',
        target: `${pathOf(endpoint)}/blobs/${digest}`,
        headers: offset === 0 ? {} : { range: `bytes=${offset}-${size - 1}` },
        scopes: pullOf(endpoint),
        signal,
      });
      if (answer.status === 200 || answer.status === 206) return answer;
      throw blobRefused(await problemOf(answer), digest);
    });
    yield* bytesFrom(response, { digest, size }, offset);
  }

  async download(
    descriptor: ContentDescriptor,
    target: DownloadTarget,
    { signal, onProgress }: DownloadOptions = {},
  ): Promise<void> {
    const listener = { target, ...(onProgress ? { onProgress } : {}) };
    const sources = this.#deps.endpoints.map(blobSource(descriptor.digest));
    await this.#deps.downloads.run(descriptor, sources, listener, signal ? { signal } : {});
  }

  async hasBlob(digest: Digest, { signal }: Abortable = {}): Promise<boolean> {
    return await this.#upload().exists(digest, signal);
  }

  async upload(
    descriptor: ContentDescriptor,
    open: (offset: number) => Readable,
    options: UploadOptions = {},
  ): Promise<UploadOutcome> {
    const { signal, readsElsewhere = false } = options;
    const waiting = signal ? { signal } : {};
    const { host, repository } = this.#registry().source;
    // Who comes second finds that the blob is there, and the registry has not to write it twice at a time.
    const lock = await this.#deps.uploadLocks.lock(`${host}/${repository}@${descriptor.digest}`, waiting);
    try {
      if (readsElsewhere) lock[Symbol.dispose](); // what it reads may stall: nobody waits for that
      return await this.#deps.uploads.run(host, () => this.#upload().run(descriptor, open, options), waiting);
    } finally {
      lock[Symbol.dispose]();
    }
  }

  async uploadStream(make: () => AsyncIterable<Buffer>, { signal }: Abortable = {}): Promise<StreamedBlob> {
    const options = signal ? { signal } : {};
    return await this.#deps.uploads.run(
      this.#registry().source.host,
      () => new StreamUpload(this.#uploadDeps()).run(make, options),
      options,
    );
  }

  read(descriptor: ContentDescriptor, { signal }: Abortable = {}): AsyncGenerator<Buffer> {
    const { backOff } = this.#deps;
    const options = signal ? { signal } : {};
    return provenBytes(descriptor, offset => this.stream(descriptor, offset, options), {
      backOff,
      ...options,
    });
  }

  async putManifest(
    name: ManifestName,
    mediaType: string,
    bytes: Buffer,
    { signal }: Abortable = {},
  ): Promise<Digest> {
    const referrer = referrerOf(bytes, mediaType);
    const { digest, isListed } = await this.#put({ name, mediaType, bytes }, signal);
    if (referrer && !isListed) await this.#list(referrer, signal);
    return digest;
  }

  async #put(manifest: NewManifest, signal: AbortSignal | undefined) {
    const { backOff, logger } = this.#deps;
    return await new ManifestUpload({ endpoint: this.#registry(), backOff, logger }).run(manifest, signal);
  }

  /** For a registry that keeps no lists of referrers: they are under a tag, and up to its clients. */
  async #list(referrer: NewReferrer, signal: AbortSignal | undefined): Promise<void> {
    const endpoint = this.#registry();
    const { subject, descriptor } = referrer;
    const tag = referrerTag(subject);
    const key = `${endpoint.source.host}/${endpoint.source.repository}:${tag}`;
    using _lock = await this.#deps.referrerLocks.lock(key, signal ? { signal } : {});
    try {
      const list = await orNone(getManifest(this.#request(endpoint, tag, signal)), 'notFound');
      const bytes = withReferrer(list, referrer);
      if (bytes) await this.#put({ name: tag, mediaType: MEDIA_TYPES.ociIndex, bytes }, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const what = `${descriptor.digest} is there, but not in the list of what refers to ${subject}`;
      throw new EngineError(error.kind, `${what}: ${error.message}`, { cause: error });
    }
  }

  async *tags({ signal }: Abortable = {}): AsyncGenerator<string> {
    const endpoint = this.#registry();
    yield* tagPages({
      endpoint,
      path: `${pathOf(endpoint)}/tags/list?n=1000`,
      scopes: pullOf(endpoint),
      subject: this.#deps.reference,
      signal,
    });
  }

  async referrers(digest: Digest, { artifactType, signal }: ReferrersOptions = {}): Promise<Referrer[]> {
    const endpoint = this.#registry();
    const request = this.#request(endpoint, digest, signal);
    return await listReferrers({ ...request, repositoryPath: pathOf(endpoint) }, digest, artifactType);
  }

  async deleteManifest(digest: Digest, { signal }: Abortable = {}): Promise<void> {
    const endpoint = this.#registry();
    const response = await endpoint.send({
      method: 'DELETE',
      target: `${pathOf(endpoint)}/manifests/${digest}`,
      scopes: [`repository:${endpoint.source.repository}:pull,delete`],
      signal,
    });
    if (response.status !== 202 && response.status !== 204 && response.status !== 200) {
      throw refused(await problemOf(response));
    }
    response.discard();
  }

  /** Whatever changes something goes here. */
  #registry(): RegistryEndpoint {
    const last = this.#deps.endpoints.at(-1);
    if (!last) throw new TypeError('a repository has a registry');
    return last;
  }

  #upload(): BlobUpload {
    return new BlobUpload(this.#uploadDeps());
  }

  #uploadDeps(): UploadDeps {
    const endpoint = this.#registry();
    const { backOff, logger } = this.#deps;
    return { endpoint, backOff, logger, repository: endpoint.source.repository };
  }

  #request(endpoint: RegistryEndpoint, name: ManifestName, signal: AbortSignal | undefined): ManifestRequest {
    if (!isDigest(name) && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name)) {
      throw badAnswer(
        endpoint.source.host,
        `${JSON.stringify(name.slice(0, 200))} is neither a tag nor a digest`,
      );
    }
    return {
      endpoint,
      path: `${pathOf(endpoint)}/manifests/${name}`,
      scopes: pullOf(endpoint),
      name,
      subject: subjectOf(this.#deps.reference, name),
      ...(signal ? { signal } : {}),
    };
  }

  async #read<T>(
    name: ManifestName,
    signal: AbortSignal | undefined,
    ask: (request: ManifestRequest) => Promise<T>,
  ): Promise<T> {
    const endpoints = this.#deps.endpoints.filter(({ source }) => source.knowsTags || isDigest(name));
    return await this.#fromAny(endpoints, signal, endpoint => ask(this.#request(endpoint, name, signal)));
  }

  /** Asks one after the other; what the last one says counts. */
  async #fromAny<T>(
    endpoints: readonly RegistryEndpoint[],
    signal: AbortSignal | undefined,
    ask: (endpoint: RegistryEndpoint) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    for (const endpoint of endpoints) {
      try {
        return await ask(endpoint);
      } catch (error) {
        throwIfAborted(signal);
        failure = error;
        if (!endpoint.source.isMirror) break;
        const level = isKind(error, 'notFound') ? 'debug' : 'warn';
        this.#deps.logger[level]('a mirror could not help', { host: endpoint.source.host, error });
      }
    }
    throw failure;
  }
}

/** What follows `offset` in an answer that brings a part or, from a server without parts, the whole. */
async function* bytesFrom(
  response: HttpResponse,
  { digest, size }: Pick<ContentDescriptor, 'digest' | 'size'>,
  offset: number,
): AsyncGenerator<Buffer> {
  const isPart = response.status === 206;
  const begin = Number(/^bytes (\d{1,15})-/.exec(response.headers['content-range'] ?? '')?.[1]);
  if (isPart && begin !== offset) throw wrongSize(`blob ${digest}`, size, 'another part');
  let at = isPart ? offset : 0;
  try {
    for await (const chunk of response.body()) {
      const wanted = chunk.subarray(Math.max(0, offset - at));
      at += chunk.length;
      if (at > size) throw wrongSize(`blob ${digest}`, size, 'more');
      if (wanted.length > 0) yield wanted;
    }
  } catch (error) {
    throw transportError(error, 'GET', response.url);
  }
  if (at < size) throw transportError(new Error('the connection was cut'), 'GET', response.url);
}

/** What errors name: what was asked for, which need not be what the user's reference says. */
function subjectOf({ domain, repository }: Reference, name: ManifestName): Reference {
  return { domain, repository, ...(isDigest(name) ? { digest: name } : { tag: name }) };
}

function pathOf({ source }: RegistryEndpoint): string {
  return `/v2/${source.repository}`;
}

function pullOf({ source }: RegistryEndpoint): readonly string[] {
  return [`repository:${source.repository}:pull`];
}

function blobSource(digest: Digest): (endpoint: RegistryEndpoint) => BlobSource {
  return endpoint => ({ endpoint, path: `${pathOf(endpoint)}/blobs/${digest}`, scopes: pullOf(endpoint) });
}
