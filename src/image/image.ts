import type { Digest } from '#base/ids';
import type { ContainerConfig } from '#spec/docker/container-config';

export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface ImageHistoryEntry {
  /** milliseconds since 1970; absent when the image does not say */
  readonly createdAt?: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly isEmptyLayer: boolean;
  /** content of the files of its layer; 0 when it has none */
  readonly sizeBytes: number;
}

/** An image in the local store, for one platform. */
export interface Image {
  /** digest of the config blob: Docker's image ID */
  readonly id: Digest;
  /** digest of the manifest, when the image came with one (or one was made for it) */
  readonly manifestDigest?: Digest;
  /** `name:tag` in the familiar short form (`busybox:latest`, `localhost:5000/x:1`) */
  readonly repoTags: readonly string[];
  /** `name@sha256:…` */
  readonly repoDigests: readonly string[];
  readonly createdAt?: number;
  readonly author: string;
  readonly comment: string;
  readonly platform: ImagePlatform;
  /** run configuration, with Docker's defaults applied */
  readonly config: ContainerConfig;
  readonly diffIds: readonly Digest[];
  /** name of the committed snapshot to start from; absent for an image without layers */
  readonly snapshot?: string;
  readonly sizeBytes: number;
  readonly history: readonly ImageHistoryEntry[];
  /** when it was last tagged here, milliseconds since 1970 */
  readonly lastTaggedAt?: number;
  /** when a container was last made of it or started */
  readonly lastUsedAt?: number;
  /** when it came here */
  readonly addedAt: number;
  /** All its names mean images for several platforms, and this is not the one for this host: lists leave it out. */
  readonly isVariant: boolean;
  /** size of the configuration */
  readonly configBytes: number;
  /** layers, lowest first */
  readonly layers: readonly ImageLayer[];
}

/** A layer as a part of a stack, and as the blob it came in. */
export interface ImageLayer {
  readonly chainId: Digest;
  readonly sizeBytes: number;
  readonly blobDigest: Digest;
  readonly blobBytes: number;
}
