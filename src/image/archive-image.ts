import type { Digest } from '#base/ids';
import type { Reference } from '#spec/reference';
import type { NewImage, StagedBlob } from './image-adder.ts';
import type { ManifestDocumentRow } from './manifest-table.ts';

/** What an archive has under one name, or without one: an image, or several for several platforms. */
export interface ArchiveImage {
  /** the one for this host first */
  readonly images: readonly [NewImage, ...NewImage[]];
  readonly tags: readonly Reference[];
  /** absent when the images came by themselves */
  readonly index?: NewIndex;
}

export interface NewIndex extends ManifestDocumentRow {
  /** all manifests it leads to, here or not */
  readonly members: readonly Digest[];
  /** what of it is here and no image: attestations, and indexes inside */
  readonly others: readonly NewArtifact[];
}

export interface NewArtifact extends ManifestDocumentRow {
  readonly blobs: readonly {
    readonly position: number;
    readonly blob: StagedBlob;
    readonly mediaType: string;
  }[];
}
