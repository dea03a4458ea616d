import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import type { Digest } from '#base/ids';
import type { Descriptor } from '#spec/oci/manifest';
import type { Reference } from '#spec/reference';

type Content = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

/** Who asks a registry. */
export interface RegistryLogin {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** What backups need of one name at a registry. */
export interface ArtifactRepository {
  /** Sends what is made while it is sent; `make` may be called again. */
  uploadStream(
    make: () => AsyncIterable<Buffer>,
    options?: Abortable,
  ): Promise<{ readonly digest: Digest; readonly size: number }>;
  upload(descriptor: Content, open: (offset: number) => Readable, options?: Abortable): Promise<unknown>;
  putManifest(name: string, mediaType: string, bytes: Buffer, options?: Abortable): Promise<Digest>;
  manifest(
    name: string,
    options?: Abortable,
  ): Promise<{ readonly descriptor: Content; readonly bytes: Buffer }>;
  /** Not to be believed before its end. */
  read(descriptor: Content, options?: Abortable): AsyncGenerator<Buffer>;
  tags(options?: Abortable): AsyncGenerator<string>;
  deleteManifest(digest: Digest, options?: Abortable): Promise<void>;
}

/** All registries: where backups go that are artifacts. */
export interface ArtifactRegistries {
  /** @throws {EngineError} `forbidden` when the rules block the name. */
  repository(reference: Reference, login?: RegistryLogin): ArtifactRepository;
}
