import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import type { Digest } from '#base/ids';
import type { Descriptor } from '#spec/oci/manifest';
import type { RateLimit } from './rate-limit.ts';

/** What identifies content at a registry. */
export type ContentDescriptor = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

/** A tag, or a digest. */
export type ManifestName = string;

export interface FetchedManifest {
  readonly descriptor: ContentDescriptor;
  /** as the registry sent them; their digest is the descriptor's */
  readonly bytes: Buffer;
}

/** Who reads a blob while it is downloaded. The calls come in this order; none may throw. */
export interface DownloadTarget {
  /**
   * The file that grows. It is moved into the content store at the end; what has it open keeps it. Comes again when somebody else's attempt
   * failed and the target's own begins: mostly with the same file, as far as it came, and always with another `writer`.
   */
  begin?(path: string, writer: string): void;
  /** The first `availableBytes` are in the file and stay as they are; it only grows. */
  advance(availableBytes: number): void;
  /**
   * All that was told is void: the content was wrong, and another source is tried from the first byte, with
   * {@link begin}. A target without it gets an error instead.
   */
  restart?(): void;
  /** For targets that hash what they read: asked when everything is there, instead of hashing here. */
  digest?(): Promise<Digest>;
}

export interface DownloadOptions extends Abortable {
  /** bytes that are here already, of `descriptor.size`; also those that came before an interruption */
  readonly onProgress?: (receivedBytes: number) => void;
}

export interface UploadOptions extends Abortable {
  /** other repositories of the registry that may have the blob: it is not sent when one has */
  readonly mountFrom?: readonly string[];
  /** What is uploaded comes from another place at its own pace: equal uploads do not wait for this one. */
  readonly readsElsewhere?: boolean;
  readonly onProgress?: (sentBytes: number) => void;
}

/** What came of bytes that were uploaded while they were made. */
export interface StreamedBlob {
  readonly digest: Digest;
  readonly size: number;
}

export type UploadOutcome =
  | { readonly how: 'exists' | 'uploaded' }
  | { readonly how: 'mounted'; readonly from: string };

export interface ReferrersOptions extends Abortable {
  readonly artifactType?: string;
}

/**
 * One name at one registry, with the mirrors behind it: what is read is asked of each mirror in turn, then of the
 * registry; what changes something goes to the registry alone.
 *
 * Everything that comes from a registry is checked against the digest that was asked for, and bounded.
 * Errors are those of {@link file://./errors.ts}, in Docker's wording.
 */
export interface Repository {
  /** what the registry last said about how much may still be pulled */
  readonly rateLimit: RateLimit | undefined;

  /** What a tag stands for now, for one HEAD. @throws {EngineError} `notFound`, `unauthorized`, `unavailable`. */
  resolve(name: ManifestName, options?: Abortable): Promise<ContentDescriptor>;

  /** A manifest or an index. @throws {EngineError} also `dataLoss`, `invalid`. */
  manifest(name: ManifestName, options?: Abortable): Promise<FetchedManifest>;

  /** A small blob, such as an image's configuration. @throws {EngineError} `invalid` when it is not small. */
  blob(descriptor: ContentDescriptor, options?: Abortable): Promise<Buffer>;

  /**
   * Downloads a blob into the content store. Goes on where an earlier attempt was cut or cancelled, before a restart
   * of the engine too; large ones come in several ranges at a time. Equal downloads under way are one.
   */
  download(descriptor: ContentDescriptor, target: DownloadTarget, options?: DownloadOptions): Promise<void>;

  hasBlob(digest: Digest, options?: Abortable): Promise<boolean>;

  /**
   * Uploads a blob unless it is there or can be mounted; equal uploads come one after the other. Goes on where the registry says when the connection is cut.
   *
   * @param open the blob's bytes from `offset` on; may be called again
   */
  upload(
    descriptor: ContentDescriptor,
    open: (offset: number) => Readable,
    options?: UploadOptions,
  ): Promise<UploadOutcome>;

  /**
   * Uploads a blob while it is made, without keeping it: in parts, and after a cut from where the registry stands. Where it has
   * lost what it had, from the beginning.
   *
   * @param make its bytes; may be called again, and need not give the same then
   * @returns what it has become. @throws {EngineError} `unavailable` when the registry lost it too often.
   */
  uploadStream(make: () => AsyncIterable<Buffer>, options?: Abortable): Promise<StreamedBlob>;

  /**
   * The bytes of a blob, going on after a cut. Not to be believed before the end: there they are proved, and it fails
   * with `dataLoss` when they are others.
   */
  read(descriptor: ContentDescriptor, options?: Abortable): AsyncGenerator<Buffer>;

  /**
   * One that has a subject is in the list of its referrers afterwards, also where the registry keeps no such list.
   *
   * @throws {EngineError} `unauthorized`, `forbidden`, `invalid` as the registry says.
   */
  putManifest(name: ManifestName, mediaType: string, bytes: Buffer, options?: Abortable): Promise<Digest>;

  /** Every tag, page by page. */
  tags(options?: Abortable): AsyncGenerator<string>;

  /** Manifests whose subject is `digest`: signatures, attestations. */
  referrers(digest: Digest, options?: ReferrersOptions): Promise<Referrer[]>;

  /** @throws {EngineError} `notFound`, `forbidden` when the registry does not delete. */
  deleteManifest(digest: Digest, options?: Abortable): Promise<void>;
}

export interface Referrer extends ContentDescriptor {
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}
