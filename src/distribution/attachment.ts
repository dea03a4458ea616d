import { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { type Digest, digestOf } from '#base/ids';
import { EMPTY_CONFIG } from '#spec/oci/empty-config';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { ContentDescriptor, Repository } from './repository.ts';

/** Something about an image, to be kept beside it. */
export interface Attachment {
  /** what it is: `application/spdx+json` */
  readonly type: string;
  readonly bytes: Buffer;
  /** of the manifest that holds it */
  readonly annotations: Readonly<Record<string, string>>;
  /** of the blob itself */
  readonly blobAnnotations: Readonly<Record<string, string>>;
}

/**
 * Puts it into the repository as an artifact whose subject is the image (OCI image spec 1.1, "Guidelines for Artifact Usage").
 *
 * @returns the digest of its manifest.
 * @throws {EngineError} as {@link Repository}.
 */
export async function attach(
  repository: Repository,
  { mediaType, digest, size }: ContentDescriptor,
  { type, bytes, annotations, blobAnnotations }: Attachment,
  options: Abortable,
): Promise<Digest> {
  const config = await put(repository, EMPTY_CONFIG.mediaType, EMPTY_CONFIG.bytes, options);
  const layer = await put(repository, type, bytes, options);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType: type,
      config,
      layers: [{ ...layer, annotations: blobAnnotations }],
      subject: { mediaType, digest, size },
      annotations,
    }),
  );
  return await repository.putManifest(digestOf(manifest), MEDIA_TYPES.ociManifest, manifest, options);
}

async function put(
  repository: Repository,
  mediaType: string,
  bytes: Buffer,
  options: Abortable,
): Promise<ContentDescriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const open = (offset: number): Readable => Readable.from([bytes.subarray(offset)], { objectMode: false });
  await repository.upload(descriptor, open, options);
  return descriptor;
}
