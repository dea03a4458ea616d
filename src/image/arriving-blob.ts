import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { ContentDescriptor, DownloadTarget, Repository } from '#distribution/repository';
import type { ContentStore } from '#store/content-store';
import { GrowingFile } from '#store/growing-file';
import type { StagedBlob } from './image-adder.ts';

export interface ArrivingBlobDeps {
  readonly repository: Pick<Repository, 'download'>;
  readonly content: ContentStore;
  readonly onProgress: (receivedBytes: number) => void;
  readonly signal: AbortSignal;
}

/** A layer that is downloaded, and read while it is: by whoever unpacks it, who hashes it on the way. */
export class ArrivingBlob implements StagedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly path: string;
  readonly arrival: NonNullable<StagedBlob['arrival']>;
  readonly #begun = Promise.withResolvers<GrowingFile>();
  readonly #verdict = Promise.withResolvers<Digest>();
  readonly #download: Promise<void>;
  #file: GrowingFile | undefined;
  /** Whoever reads may have bytes of an earlier attempt: what he finds says nothing about the file. */
  #isMixed = false;

  constructor(descriptor: ContentDescriptor, { repository, content, onProgress, signal }: ArrivingBlobDeps) {
    this.digest = descriptor.digest;
    this.sizeBytes = descriptor.size;
    this.path = content.path(descriptor.digest);
    this.arrival = {
      begun: () => this.#begun.promise,
      isTaken: digest => this.#judge(digest),
      isRefused: error => this.#verdict.reject(error),
    };
    for (const { promise } of [this.#begun, this.#verdict]) promise.catch(() => undefined); // not everybody asks
    this.#download = this.#run(repository.download(descriptor, this.#target(), { signal, onProgress }));
    this.#download.catch(() => undefined); // told by flush()
  }

  async flush(): Promise<void> {
    await this.#download;
  }

  /** The registry client has made it a blob of the content store. */
  publish(): Promise<void> {
    return this.flush();
  }

  async #run(download: Promise<void>): Promise<void> {
    try {
      await download;
      this.#file?.complete();
    } catch (error) {
      this.#file?.fail();
      this.#begun.reject(error);
      throw error;
    }
  }

  #target(): DownloadTarget {
    return {
      begin: (path, writer) => this.#begin(path, writer),
      advance: availableBytes => {
        this.#file?.advance(availableBytes);
        if (availableBytes === this.sizeBytes) this.#file?.complete();
      },
      digest: async () => {
        const digest = await this.#verdict.promise; // in any case: the file stays where it is until it has been read
        if (this.#isMixed) throw new EngineError('cancelled', 'the download began again');
        return digest;
      },
    };
  }

  #begin(path: string, writer: string): void {
    if (this.#file) {
      this.#isMixed = true;
      if (this.#file.path === path) return; // it goes on
      this.#file.fail();
    }
    this.#file = new GrowingFile(path, { writer });
    this.#begun.resolve(this.#file);
  }

  /** Nobody read it: then the download hashes it by itself. */
  #judge(digest: Digest | undefined): void {
    if (digest === undefined) this.#verdict.reject(new EngineError('cancelled', 'the layer is here already'));
    else this.#verdict.resolve(digest);
  }
}

/** A blob that is here already. */
export function storedBlob(
  { digest, size }: ContentDescriptor,
  content: Pick<ContentStore, 'path'>,
): StagedBlob {
  return {
    digest,
    sizeBytes: size,
    path: content.path(digest),
    flush: () => Promise.resolve(),
    publish: () => Promise.resolve(),
  };
}
