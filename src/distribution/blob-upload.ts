import { Readable } from 'node:stream';
import { EngineError, isKind } from '#base/errors';
import type { Digest } from '#base/ids';
import { PROGRESS_BYTES } from './back-off.ts';
import { refused } from './errors.ts';
import { problemOf } from './registry-problem.ts';
import type { ContentDescriptor, UploadOptions, UploadOutcome } from './repository.ts';
import { type UploadDeps, UploadSession } from './upload-session.ts';

type Open = (offset: number) => Readable;

/** Other repositories that are asked at most whether they have the blob. */
const MOST_MOUNTS = 5;

/** Sends one blob: mounted from another repository, or in one stream that goes on where it was cut. */
export class BlobUpload {
  readonly #deps: UploadDeps;
  readonly #session: UploadSession;

  constructor(deps: UploadDeps) {
    this.#deps = deps;
    this.#session = new UploadSession(deps);
  }

  /** Whether the repository has the blob. @throws {EngineError} */
  async exists(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const { endpoint, repository } = this.#deps;
    const response = await endpoint.send({
      method: 'HEAD',
      target: `/v2/${repository}/blobs/${digest}`,
      scopes: [`repository:${repository}:pull,push`],
      signal,
    });
    response.discard();
    if (response.status === 200) return true;
    // Why it is refused stands in no answer to HEAD: what begins the upload is refused as well, in words.
    if (response.status === 404 || response.status === 403) return false;
    throw refused(await problemOf(response));
  }

  async run(descriptor: ContentDescriptor, open: Open, options: UploadOptions): Promise<UploadOutcome> {
    const { signal } = options;
    const mountFrom = (options.mountFrom ?? []).slice(0, MOST_MOUNTS);
    if (await this.exists(descriptor.digest, signal)) return { how: 'exists' };
    for (const from of mountFrom) {
      const begun = await this.#session.mount(descriptor.digest, from, signal);
      if (begun === 'mounted') return { how: 'mounted', from };
      // The session that comes instead of a mount serves as well, but the next repository may have the blob.
      if (from === mountFrom.at(-1))
        return await this.#transfer(descriptor, open, { ...options, place: begun });
      await this.#session.cancel(begun, signal);
    }
    const place = await this.#session.begin(signal);
    return await this.#transfer(descriptor, open, { ...options, place });
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
        const rest = { offset: sent, size, onProgress };
        place = await this.#session.patch(
          place,
          {
            offset: sent,
            length: size - sent,
            isPlaced: sent > 0,
            body: () => Readable.from(counted(open(rest.offset), rest), { objectMode: false }),
          },
          signal,
        );
        sent = size;
      } catch (error) {
        failures += 1;
        const delay = await this.#session.pause(error, failures, signal);
        // Not before: the registry may still be writing what came before the cut.
        ({ place, sent } = await this.#whereItStands(place, failures, signal));
        if (sent - before >= PROGRESS_BYTES) failures = 1;
        this.#deps.logger.debug('an upload goes on', { blob: digest, sent, delay, error });
      }
    }
    await this.#session.finish(place, digest, signal);
    onProgress(size);
    return { how: 'uploaded' };
  }

  /**
   * After a cut: how much the registry has. A session that it no longer knows begins anew, and a registry that is away is
   * waited for: it may be starting again.
   */
  async #whereItStands(
    place: URL,
    failures: number,
    signal: AbortSignal | undefined,
  ): Promise<{ place: URL; sent: number }> {
    for (let count = failures + 1; ; count += 1) {
      try {
        const standing = await this.#session.standing(place, signal);
        if (standing) return { place: standing.place, sent: standing.receivedBytes };
        return { place: await this.#session.begin(signal), sent: 0 };
      } catch (error) {
        if (!isKind(error, 'unavailable')) throw error;
        this.#deps.logger.debug('the registry is away in the middle of an upload', { count, error });
        await this.#session.pause(error, count, signal);
      }
    }
  }
}

/** The registry gets as many bytes as were announced, or an error: more would be taken for another request. */
async function* counted(
  source: Readable,
  {
    offset,
    size,
    onProgress,
  }: { readonly offset: number; readonly size: number; readonly onProgress: (sentBytes: number) => void },
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
