import { orAborted, sleep, throwIfAborted } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import { type Digest, newId } from '#base/ids';
import type { KeyedSemaphore } from '#base/keyed-semaphore';
import type { Logger } from '#base/logger';
import type { ContentStore } from '#store/content-store';
import { BufferTurnover } from '#sys/garbage';
import { type BackOff, delayMs, PROGRESS_BYTES } from './back-off.ts';
import { blobRefused, cannotKeep, wrongDigest, wrongSize } from './errors.ts';
import { GrowthHash } from './growth-hash.ts';
import type { HttpResponse } from './http-message.ts';
import type { Part, PartialBlob, PartialBlobs } from './partial-blob.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import type { ContentDescriptor, DownloadTarget } from './repository.ts';
import { isRefusal, transportError } from './transport-error.ts';

export interface BlobDownloadDeps {
  readonly content: Pick<ContentStore, 'adopt'>;
  readonly partial: PartialBlobs;
  readonly backOff: BackOff;
  readonly logger: Logger;
  /** Requests for content at a time to each host: others to the same registry must get through. */
  readonly connections: KeyedSemaphore;
}

/** A place to fetch from, and under which name. */
export interface BlobSource {
  readonly endpoint: RegistryEndpoint;
  readonly path: string;
  readonly scopes: readonly string[];
}

export interface Listener {
  readonly target: DownloadTarget;
  readonly onProgress?: (receivedBytes: number) => void;
}

const turnover = new BufferTurnover();
/** Requests at a time for one large blob. */
const CONNECTIONS = 4;
/** What is written at once. */
const WRITE_BYTES = 256 * 1024;

/** One blob on its way into the content store, for everybody who wants it. */
export class BlobDownload {
  readonly #descriptor: ContentDescriptor;
  readonly #route: string;
  readonly #writer = newId<string>();
  readonly #deps: BlobDownloadDeps;
  readonly #listeners = new Set<Listener>();
  #blob: PartialBlob | undefined;
  #hash: GrowthHash | undefined;

  /** @param route names the sources: who comes by another writes into another file */
  constructor(descriptor: ContentDescriptor, route: string, deps: BlobDownloadDeps) {
    this.#descriptor = descriptor;
    this.#route = route;
    this.#deps = deps;
  }

  /** Tells `listener` what there is and what comes, until the result is disposed. */
  listen(listener: Listener): Disposable {
    this.#listeners.add(listener);
    if (this.#blob) this.#introduce(listener, this.#blob);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Fetches what is missing from one source after the other, proves it, and puts it into the content store. */
  async run(sources: readonly BlobSource[], signal: AbortSignal): Promise<void> {
    const { digest } = this.#descriptor;
    await using blob = await this.#deps.partial.open(this.#descriptor, this.#route);
    this.#blob = blob;
    this.#hash = this.#isHashed() ? undefined : new GrowthHash(blob);
    for (const listener of this.#listeners) this.#introduce(listener, blob);
    let failure: unknown = new EngineError('internal', 'there is no registry to download from');
    for (const source of attempts(sources, blob)) {
      try {
        await this.#fetch(source, blob, signal);
        const [actual] = await Promise.all([this.#digestOf(blob, signal), blob.flush()]);
        if (actual !== digest) throw wrongDigest(`blob ${digest}`, digest, actual);
        await this.#deps.content.adopt(blob.path, digest);
        await blob.release();
        return;
      } catch (error) {
        throwIfAborted(signal);
        failure = error;
        this.#deps.logger.info('a download failed', {
          blob: digest,
          host: source.endpoint.source.host,
          error,
        });
        if (isKind(error, 'dataLoss') && !(await this.#startOver(blob))) throw error;
      }
    }
    throw failure;
  }

  #introduce({ target, onProgress }: Listener, blob: PartialBlob): void {
    target.begin?.(blob.path, this.#writer);
    if (blob.availableBytes > 0) target.advance(blob.availableBytes);
    if (blob.receivedBytes > 0) onProgress?.(blob.receivedBytes);
  }

  /** Whether somebody who reads will know the digest. */
  #isHashed(): boolean {
    return [...this.#listeners].some(({ target }) => target.digest !== undefined);
  }

  #tell(blob: PartialBlob): void {
    this.#hash?.follow();
    for (const { target, onProgress } of this.#listeners) {
      target.advance(blob.availableBytes);
      onProgress?.(blob.receivedBytes);
    }
  }

  /** Takes back what was said. @returns whether everybody can live with that. */
  async #startOver(blob: PartialBlob): Promise<boolean> {
    await blob.restart();
    this.#hash = undefined; // it has read what is void
    const listeners = [...this.#listeners];
    if (listeners.some(({ target }) => !target.restart)) return false;
    for (const listener of listeners) {
      listener.target.restart?.();
      this.#introduce(listener, blob);
    }
    return true;
  }

  async #fetch(source: BlobSource, blob: PartialBlob, signal: AbortSignal): Promise<void> {
    if (blob.isComplete) return;
    try {
      await this.#fetchParts(source, blob, signal);
    } catch (error) {
      if (!(error instanceof NoPartsError)) throw error;
      blob.joinParts();
      await this.#fetchParts(source, blob, signal);
    }
  }

  /** The first request tells whether the registry gives parts; then the others follow. */
  async #fetchParts(source: BlobSource, blob: PartialBlob, outer: AbortSignal): Promise<void> {
    const missing = blob.parts.filter(part => part.received < part.length);
    const failed = new AbortController();
    const signal = AbortSignal.any([outer, failed.signal]);
    const { promise: answered, resolve: onAnswer } = Promise.withResolvers<void>();
    const work = async (index: number): Promise<void> => {
      if (index > 0) await answered;
      for (let part = missing.shift(); part; part = missing.shift()) {
        throwIfAborted(signal);
        await this.#fetchPart(source, { blob, part, signal, onAnswer });
      }
    };
    const workers = Array.from({ length: Math.min(CONNECTIONS, missing.length) }, async (_, index) => {
      try {
        await work(index);
      } catch (error) {
        failed.abort(error); // the first one counts
        onAnswer();
      }
    });
    await Promise.all(workers);
    throwIfAborted(outer);
    if (failed.signal.aborted) throw failed.signal.reason;
  }

  /** Goes on where the connection was cut, as long as each attempt brings something. */
  async #fetchPart(source: BlobSource, context: PartContext): Promise<void> {
    const { part, signal } = context;
    for (let failures = 0; part.received < part.length; ) {
      const before = part.received;
      try {
        const { host } = source.endpoint.source;
        await this.#deps.connections.run(host, () => this.#request(source, context), { signal });
      } catch (error) {
        throwIfAborted(signal);
        if (error instanceof NoPartsError) throw error;
        // A registry that has gone in the middle may come back.
        if (error instanceof EngineError && !(part.received > 0 && isRefusal(error.cause))) throw error;
        failures = part.received - before >= PROGRESS_BYTES ? 1 : failures + 1;
        const delay = delayMs(this.#deps.backOff, failures);
        if (delay === undefined) throw transportError(error, 'GET', source.endpoint.urlOf(source.path));
        this.#deps.logger.debug('a download goes on', { blob: this.#descriptor.digest, delay, error });
        await sleep(delay, { signal });
      }
    }
  }

  async #request(source: BlobSource, { blob, part, signal, onAnswer }: PartContext): Promise<void> {
    const from = part.offset + part.received;
    const isWhole = blob.parts.length === 1 && from === 0;
    const response = await source.endpoint.send({
      method: 'GET',
      target: source.path,
      headers: isWhole ? {} : { range: `bytes=${from}-${part.offset + part.length - 1}` },
      scopes: source.scopes,
      signal,
    });
    const skip = await this.#checkAnswer(response, { blob, from });
    onAnswer();
    await this.#receive(response, { blob, part, skip });
  }

  /** @returns how many bytes come that are here already. */
  async #checkAnswer(
    response: HttpResponse,
    { blob, from }: { readonly blob: PartialBlob; readonly from: number },
  ): Promise<number> {
    const { digest, size } = this.#descriptor;
    const what = `blob ${digest}`;
    const { 'content-range': range, 'content-length': length } = response.headers;
    if (response.status === 206) {
      const [, begin, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range ?? '') ?? [];
      if (Number(begin) === from && (total === '*' || Number(total) === size)) return 0;
      response.discard();
      throw wrongSize(what, size, `the range ${range ?? 'none'}`);
    }
    if (response.status !== 200) throw blobRefused(await problemOf(response), digest);
    if (length !== undefined && Number(length) !== size) {
      response.discard();
      throw wrongSize(what, size, `${length}`);
    }
    if (blob.parts.length === 1) return from;
    response.discard();
    throw new NoPartsError();
  }

  async #receive(
    response: HttpResponse,
    { blob, part, skip }: { readonly blob: PartialBlob; readonly part: Part; readonly skip: number },
  ): Promise<void> {
    let unwanted = skip;
    const buffer = Buffer.allocUnsafeSlow(Math.min(WRITE_BYTES, part.length));
    let fill = 0;
    const flush = async (): Promise<void> => {
      if (fill === 0) return;
      const bytes = buffer.subarray(0, fill);
      fill = 0;
      await blob.write(part, [bytes]).catch((error: unknown) => {
        throw cannotKeep(this.#descriptor.digest, error);
      });
      this.#tell(blob);
    };
    try {
      for await (const chunk of response.body()) {
        turnover.passed(chunk.length);
        const bytes = chunk.subarray(Math.min(unwanted, chunk.length));
        unwanted -= chunk.length - bytes.length;
        if (part.received + fill + bytes.length > part.length) {
          throw wrongSize(`blob ${this.#descriptor.digest}`, blob.size, 'more');
        }
        // What comes is copied: kept until it is written, it would get too old to be freed by the way.
        for (let taken = 0; taken < bytes.length; ) {
          const copied = bytes.copy(buffer, fill, taken);
          taken += copied;
          fill += copied;
          if (fill === buffer.length) await flush();
        }
      }
    } finally {
      await flush(); // what came before a cut is worth keeping
    }
    if (part.received < part.length) throw new CutError('the connection ended before the blob did');
  }

  /** Asks whoever hashes what it reads; reads the file itself where nobody does. */
  async #digestOf(blob: PartialBlob, signal: AbortSignal): Promise<Digest> {
    if (this.#hash) return await this.#hash.digest();
    for (const { target } of this.#listeners) {
      if (!target.digest) continue;
      try {
        return await orAborted(target.digest(), signal);
      } catch (error) {
        throwIfAborted(signal);
        if (isKind(error, 'dataLoss')) throw error;
        // It gave up for reasons of its own: others want the blob all the same.
      }
    }
    throwIfAborted(signal);
    return await new GrowthHash(blob).digest();
  }
}

interface PartContext {
  readonly blob: PartialBlob;
  readonly part: Part;
  readonly signal: AbortSignal;
  readonly onAnswer: () => void;
}

/** The registry answers a request for a part with the whole. */
class NoPartsError extends Error {}
class CutError extends Error {}

/** A source whose content is wrong after an earlier attempt's was taken for good gets another chance. */
function* attempts(sources: readonly BlobSource[], blob: PartialBlob): Generator<BlobSource> {
  for (const [index, source] of sources.entries()) {
    const wasResumed = blob.isResumed;
    yield source;
    if (wasResumed && index === sources.length - 1 && !blob.isResumed) yield source;
  }
}
